"""Who may: policies that say no or fail, and requests that another site makes a browser send."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, cast

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import NotAllowed
from flask_lakeflow_jobs.current import State
from flask_lakeflow_jobs.job_config import Policy
from flask_lakeflow_jobs.web.guard import check_policy, refuse_other_sites
from tests.runs import named_job


def state(policy: Policy | None) -> State:
    return State(cast("Any", None), policy, cast("Any", None))


def allow(*_: object) -> bool:
    return True


def deny(*_: object) -> bool:
    return False


def fail(*_: object) -> bool:
    raise LookupError("no such user")


@pytest.mark.parametrize("policies", [(None, None), (allow, None), (None, allow), (deny, allow)])
def test_the_jobs_policy_is_asked_and_else_the_apps(
    policies: tuple[Policy | None, Policy | None],
) -> None:
    of_app, of_job = policies
    check_policy(state(of_app), "run", dataclasses.replace(named_job(), policy=of_job))


@pytest.mark.parametrize("policies", [(deny, None), (None, deny), (allow, deny), (fail, None)])
def test_a_policy_that_says_no_or_fails_denies(
    policies: tuple[Policy | None, Policy | None], caplog: pytest.LogCaptureFixture
) -> None:
    of_app, of_job = policies
    with caplog.at_level(logging.CRITICAL), pytest.raises(NotAllowed, match="run") as caught:
        check_policy(state(of_app), "run", dataclasses.replace(named_job(), policy=of_job))
    assert caught.value.code == 403
    assert "no such user" not in str(caught.value)


def test_a_policy_is_told_what_is_asked_for() -> None:
    asked: list[tuple[object, str, str]] = []

    def note(user: object, action: str, key: str) -> bool:
        asked.append((user, action, key))
        return True

    check_policy(state(note), "cancel", named_job("nightly"))
    assert asked == [(None, "cancel", "nightly")]


HERE = {"Host": "app.example"}


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://app.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://app.example.evil.example"},
        {"Origin": "http://app.example:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "app.example"},
        {"Origin": "http://["},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "other.example"},
    ],
)
def test_what_another_site_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    with (
        Flask(__name__).test_request_context(method=method, headers={**HERE, **headers}),
        pytest.raises(NotAllowed, match="another site"),
    ):
        refuse_other_sites(request)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://app.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example"},
    ],
)
def test_the_apps_own_pages_and_clients_that_are_no_browser_pass(headers: dict[str, str]) -> None:
    with Flask(__name__).test_request_context(method="POST", headers={**HERE, **headers}):
        refuse_other_sites(request)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_may_come_from_anywhere(method: str) -> None:
    with Flask(__name__).test_request_context(
        method=method, headers={"Sec-Fetch-Site": "cross-site"}
    ):
        refuse_other_sites(request)
