"""Messages about ends: their text, their receivers, and what a service gets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal, cast

import apprise
import pytest
from databricks.sdk.service.jobs import RunOutput, RunTask
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import ConfigurationError, Outcome, RunStatus
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.config.notify import NotifyRule, NotifyUrl, parse_notify
from flask_lakeflow_jobs.following import root_causes
from flask_lakeflow_jobs.following.notifier import (
    EndMessage,
    Notifier,
    NotifyFailed,
    check_urls,
    send_message,
)
from flask_lakeflow_jobs.following.receivers import DeliveryDeclined
from flask_lakeflow_jobs.pages import RUN_PAGE
from tests.clocks import FakeClock
from tests.messages import Service
from tests.record.rows import add_run, end
from tests.records import SwitchableRecord
from tests.run_documents import FAILED, JOB_ID, SUCCEEDED, build_job, run, run_state, task

KEY = "LAKEFLOW_JOBS_NOTIFY"

MESSAGE = EndMessage(
    job="etl",
    run_id=7,
    outcome=Outcome.TIMED_OUT,
    requested_by="alice@example.com",
    duration="3 min 2 s",
    error="load: KeyError: 'day'",
    url="https://portal.example.com/jobs/etl/runs/7",
)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service.serve() as service:
        yield service


def test_message_says_all_that_is_known() -> None:
    assert MESSAGE.title == "etl: timed out"
    assert MESSAGE.format(None).splitlines() == [
        "Run 7 of etl ended after 3 min 2 s: timed out.",
        "Requested by alice@example.com.",
        "load: KeyError: 'day'",
        "https://portal.example.com/jobs/etl/runs/7",
    ]


def test_message_leaves_out_what_is_not_known() -> None:
    message = EndMessage("etl", 7, Outcome.SUCCEEDED)
    assert message.format(None) == "Run 7 of etl ended: succeeded."


def test_message_is_in_the_words_of_a_template() -> None:
    text = MESSAGE.format("{job} {run_id} {outcome} {requested_by} {duration} {error} {url}")
    assert text == (
        "etl 7 timed out alice@example.com 3 min 2 s load: KeyError: 'day'"
        " https://portal.example.com/jobs/etl/runs/7"
    )


@pytest.mark.parametrize(
    ("jobs", "url"),
    [
        ([build_job("etl")], "https://portal.example.com/jobs/etl/runs/7"),
        ([build_job("daily")], "https://portal.example.com/jobs/daily/runs/7"),
        ([build_job("etl", 5)], "https://dbc.example.com/run/7"),
        ([], "https://dbc.example.com/run/7"),
    ],
    ids=["same", "another key", "another id", "removed"],
)
def test_message_has_the_page_that_exists_if_the_key_or_the_id_of_the_job_has_changed(
    record: SwitchableRecord, jobs: list[Job], url: str
) -> None:
    app = Flask("app")
    app.add_url_rule("/jobs/<key>/runs/<run_id>", RUN_PAGE, lambda **_: "")
    rule = NotifyRule(base_url="https://portal.example.com")
    by_key = {job.key: replace(job, notify=rule) for job in jobs}
    notifier = Notifier(app, record, lambda: pytest.fail("called"), by_key, FakeClock())
    add_run(record, 7, job_id=JOB_ID, requested_by="alice")
    status = RunStatus(1, run(SUCCEEDED, run_page_url="https://dbc.example.com/run/7"))
    message = notifier.build_message("etl", 7, status)
    assert (message.job, message.requested_by, message.outcome) == ("etl", "alice", "succeeded")
    assert message.url == url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ValueError: @everyone, @HERE", "ValueError: @\u200beveryone, @\u200bHERE"),
        ("@channel @all @room", "@\u200bchannel @\u200ball @\u200broom"),
        ("<@&4174216298> <@!7> <@7>", "<@\u200b&4174216298> <@!\u200b7> <@\u200b7>"),
        ("<!channel> !everyone>", "<!\u200bchannel> !\u200beveryone>"),
        ("<users/all>", "<\u200busers/all>"),
        ("@**all** @*team*", "@\u200b**all** @\u200b*team*"),
        ("a@allied.example, b@163.example: a != 1!", "a@allied.example, b@163.example: a != 1!"),
    ],
)
def test_message_has_no_mentions_that_a_user_wrote(
    record: SwitchableRecord, text: str, expected: str
) -> None:
    notifier = Notifier(Flask("app"), record, lambda: pytest.fail("called"), {}, FakeClock())
    add_run(record, 7, job_id=JOB_ID, requested_by=text)
    record.finish_run(end(7, "failed", job_id=JOB_ID, error=text))
    message = notifier.build_message("etl", 7, RunStatus(1, run(FAILED)))
    assert (message.requested_by, message.error) == (expected, expected)


class FakeReads:
    """Returns the same error of each task."""

    def __init__(self, error: str | None) -> None:
        self.error = error

    def read_output(self, _: RunTask) -> RunOutput:
        return RunOutput(error=self.error)

    def run_concurrently(self, read: Callable[[RunTask], Any], items: Sequence[RunTask]) -> Any:
        return [*map(read, items)]


@pytest.mark.parametrize(
    ("error", "message", "count", "run_as", "expected"),
    [
        ("KeyError: 'day'", "Failed.", 1, "app", "t0: KeyError: 'day'"),
        ("KeyError: 'day'", "Failed.", 2, "app", "t0: KeyError: 'day' (and another task)"),
        ("KeyError: 'day'", "Failed.", 3, "app", "t0: KeyError: 'day' (and 2 other tasks)"),
        (None, "Failed.", 1, "app", "t0: Failed."),
        (None, None, 2, "app", "recorded"),
        (None, None, 0, "app", "recorded"),
        ("run --note hunter2", None, 1, "app", "t0: run --note ***"),
        ("KeyError: 'day'", "Failed.", 1, "user", "recorded"),
    ],
)
def test_message_has_the_root_cause_that_the_app_may_read(
    record: SwitchableRecord,
    monkeypatch: pytest.MonkeyPatch,
    error: str | None,
    message: str | None,
    count: int,
    run_as: Literal["app", "user"],
    expected: str,
) -> None:
    schema = Schema.from_dict({"note": fields.String(metadata={"secret": True})})()
    job = replace(build_job("etl"), schema=schema, run_as=run_as)
    monkeypatch.setattr(root_causes, "CachedReads", lambda *_: FakeReads(error))
    builder = Notifier(Flask("app"), record, lambda: cast(Any, None), {"etl": job}, FakeClock())
    add_run(record, 7, job_id=JOB_ID)
    record.finish_run(end(7, "failed", job_id=JOB_ID, error="recorded"))
    state = run_state("TERMINATED", "FAILED", message=message)
    tasks = [task(f"t{number}", state, run_id=number + 1) for number in range(count)]
    status = RunStatus(1, run(FAILED, tasks=tasks))
    built = builder.build_message("etl", 7, status)
    assert (built.outcome, built.error) == ("failed", expected)
    succeeded = RunStatus(1, run(SUCCEEDED, tasks=tasks))
    assert builder.build_message("etl", 7, succeeded).error == "recorded"


def make_notifier(record: SwitchableRecord, rule: NotifyRule, now: float = 0) -> Notifier:
    jobs = {"etl": replace(build_job("etl"), notify=rule, run_as="user")}
    return Notifier(Flask("app"), record, lambda: pytest.fail("called"), jobs, FakeClock(now))


class TestNotifier:
    def test_select_returns_a_receiver_per_url_for_configured_outcomes(
        self, record: SwitchableRecord
    ) -> None:
        rule = parse_notify(KEY, {"urls": ["json://a", "json://b"], "outcomes": "failures"})
        notifier = make_notifier(record, rule)
        failed = {"job": "etl", "run_id": 7, "status": RunStatus(1, run(FAILED))}
        succeeded = {**failed, "status": RunStatus(1, run(SUCCEEDED))}
        names = notifier.select(failed)
        assert len(names) == len(set(names)) == 2
        assert {*names} == {*notifier.find()}
        assert notifier.select(succeeded) == []
        assert notifier.select({**failed, "job": "other"}) == []

    @pytest.mark.parametrize("key", ["etl", "renamed"])
    def test_receiver_sends_the_message_once(
        self, record: SwitchableRecord, service: Service, key: str
    ) -> None:
        rule = NotifyRule((service.url,), template="{job} has {outcome}.")
        notifier = make_notifier(record, rule)
        ((name, receiver),) = notifier.find().items()
        assert "hunter2" not in name
        status = RunStatus(1, run(FAILED))
        receiver(Flask("app"), job=key, run_id=7, status=status, delivery_id="1")
        (message,) = service.messages
        assert message["title"] == f"{key}: failed"
        assert message["message"] == f"{key} has failed."
        assert message["type"] == "failure"
        send_message(service.url, "title", "text")
        assert service.messages[-1]["type"] == "success"

    @pytest.mark.parametrize(("age", "count"), [(86_400, 1), (86_401, 0)])
    def test_receiver_declines_the_message_about_an_end_of_days_ago(
        self, record: SwitchableRecord, service: Service, age: int, count: int
    ) -> None:
        notifier = make_notifier(record, NotifyRule((service.url,)), 1_000_000 + age)
        (receiver,) = notifier.find().values()
        status = RunStatus(1, run(FAILED, end_time=1_000_000_000))
        with nullcontext() if count else pytest.raises(DeliveryDeclined, match="more than a day"):
            receiver(Flask("app"), job="etl", run_id=7, status=status, delivery_id="1")
        assert len(service.messages) == count


class TestSend:
    def test_refused_message_raises_without_the_secret(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.status = 500
        with caplog.at_level(logging.DEBUG), pytest.raises(NotifyFailed) as caught:
            send_message(service.url, "title", "text")
        assert str(caught.value) == f"{service.url.name} did not accept the message (HTTP 500)."
        assert "hunter2" not in caplog.text

    def test_error_of_a_service_is_not_quoted(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ValueError(service.url.text)

        monkeypatch.setattr(apprise.Apprise, "notify", fail)
        with pytest.raises(NotifyFailed) as caught:
            send_message(service.url, "title", "text")
        assert str(caught.value) == f"{service.url.name} failed: ValueError."
        assert caught.value.__suppress_context__

    def test_check_urls_names_the_key_and_not_the_url(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rule = NotifyRule((NotifyUrl("json://localhost"), NotifyUrl("nosuch://hunter2")))
        with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError) as caught:
            check_urls(KEY, rule)
        assert f"{KEY}: URL 2 of 2 is not one that Apprise accepts (nosuch)" in str(caught.value)
        assert "begin it with json://" in str(caught.value)
        assert "hunter2" not in str(caught.value) + caplog.text

    def test_check_urls_without_apprise_names_the_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "apprise", None)
        with pytest.raises(ConfigurationError, match=r"flask-lakeflow-jobs\[notify\]"):
            check_urls(KEY, NotifyRule((NotifyUrl("json://localhost"),)))
