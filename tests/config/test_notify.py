"""Settings of messages about ends, and errors about them without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs import ConfigurationError, Outcome
from flask_lakeflow_jobs.config.notify import END_OUTCOMES, NotifyRule, NotifyUrl, parse_notify

KEY = "LAKEFLOW_JOBS_NOTIFY"
SLACK, MAIL = "slack://TokenA/TokenB/TokenC", "mailto://user:password@example.com"


def texts(rule: NotifyRule) -> list[str]:
    return [url.text for url in rule.urls]


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        (SLACK, [SLACK]),
        ([SLACK, MAIL, SLACK], [SLACK, MAIL]),
        (f'["{SLACK}", "{MAIL}"]', [SLACK, MAIL]),
        (f'{{"urls": "{SLACK}"}}', [SLACK]),
        ({"urls": [MAIL]}, [MAIL]),
        (None, []),
    ],
)
def test_parse_notify_accepts_urls_in_several_forms(value: Any, urls: list[str]) -> None:
    assert texts(parse_notify(KEY, value)) == urls


@pytest.mark.parametrize(
    ("value", "outcomes"),
    [
        ("all", END_OUTCOMES),
        (["failed", "timed_out"], {Outcome.FAILED, Outcome.TIMED_OUT}),
        ("failed", {Outcome.FAILED}),
    ],
)
def test_parse_notify_reads_outcomes(value: Any, outcomes: set[Outcome]) -> None:
    assert parse_notify(KEY, {"outcomes": value}).outcomes == outcomes


def test_failures_are_all_ends_except_successes() -> None:
    outcomes = parse_notify(KEY, {"outcomes": "failures"}).outcomes
    assert Outcome.UNKNOWN in outcomes
    assert not outcomes & {Outcome.SUCCEEDED, Outcome.RUNNING, Outcome.SUCCEEDED_WITH_FAILURES}


def test_setting_of_a_job_overrides_what_it_names() -> None:
    default = parse_notify(KEY, {"urls": SLACK, "outcomes": "failures", "template": "{job}"})
    job = parse_notify("jobs['etl'].notify", {"outcomes": "all"}, default)
    assert (texts(job), job.outcomes, job.template) == ([SLACK], END_OUTCOMES, "{job}")
    assert texts(parse_notify("jobs['etl'].notify", MAIL, default)) == [MAIL]
    assert texts(parse_notify("jobs['etl'].notify", False, default)) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, f"{KEY} is True, but no URL is set"),
        ("hunter2", f"{KEY} is not a URL of Apprise"),
        ([SLACK, "hunter2"], f"{KEY}: URL 2 of 2 is not a URL"),
        ({"urls": 5}, f"{KEY}.urls must be a URL"),
        ('["hunter2', f"{KEY} is not JSON"),
        ({"hunter": 2}, f"{KEY} has no setting 'hunter'"),
        ({"outcomes": ["running"]}, f"{KEY}.outcomes must be 'all', 'failures' or"),
        ({"outcomes": []}, f"{KEY}.outcomes must be"),
        ({"outcomes": [[]]}, f"{KEY}.outcomes must be"),
        ({"template": 5}, f"{KEY}.template must be text"),
        ({"template": "{job"}, f"{KEY}.template is not a template"),
        ({"template": "{job.__class__}"}, f"{KEY}.template may contain"),
        ({"template": "{job!r}"}, f"{KEY}.template may contain"),
        ({"base_url": "https://user:hunter2@x"}, f"{KEY}.base_url must be the address"),
    ],
)
def test_parse_notify_error_names_the_key_and_no_secret(value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_notify(KEY, value)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_name_and_repr_of_a_url_hide_it() -> None:
    url = NotifyUrl(SLACK)
    assert url.name.startswith("slack:")
    assert len(url.name) == len("slack:") + 12
    assert "Token" not in url.name + repr(url)
    assert url.name != NotifyUrl("slack://TokenA/TokenB/TokenD").name
