"""Who may: policies that say no or fail, and requests that another site makes a browser send."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import JobConfig, LakeflowJobs, NotAllowed, current_jobs
from flask_lakeflow_jobs.config.jobs import Policy
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.web.auth import Action, Authorizer
from flask_lakeflow_jobs.web.csrf import refuse_cross_site


def check(of_app: Policy | None, of_job: Policy | None, action: Action = "run") -> None:
    app = Flask(__name__)
    jobs = {"nightly": JobConfig(job_id=7, policy=of_job)}
    LakeflowJobs(app, jobs=jobs, policy=of_app)
    with app.test_request_context():
        Authorizer(current_state(), request).check(action, current_jobs["nightly"].job)


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
    check(*policies)


@pytest.mark.parametrize("policies", [(deny, None), (None, deny), (allow, deny), (fail, None)])
def test_a_policy_that_says_no_or_fails_denies(
    policies: tuple[Policy | None, Policy | None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(NotAllowed, match="run") as caught:
        check(*policies)
    assert caught.value.code == 403
    assert "no such user" not in str(caught.value)


async def allow_async(*_: object) -> bool:
    return True


async def deny_async(*_: object) -> bool:
    return False


class AllowsAsync:
    async def __call__(self, *_: object) -> bool:
        return True


@pytest.mark.parametrize(
    "policy",
    [
        lambda *_: "no",
        lambda *_: 1,
        lambda *_: {"allowed": False},
        lambda *_: allow_async(),
        deny_async,
        AllowsAsync(),
    ],
    ids=["text", "number", "mapping", "coroutine", "async", "async object"],
)
def test_what_is_not_the_answer_true_denies(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotAllowed):
        check(policy, None)
    assert policy is deny_async or "is denied" in caplog.text


def waited_for(callback: Callable[..., Any]) -> Callable[..., Any]:
    """As Flask does with the extra ``async``."""
    if not inspect.iscoroutinefunction(callback):
        return callback
    return lambda *args: asyncio.run(callback(*args))


@pytest.mark.parametrize(("policy", "is_allowed"), [(allow_async, True), (deny_async, False)])
def test_an_async_policy_and_loader_are_waited_for_as_views_are(
    monkeypatch: pytest.MonkeyPatch, policy: Any, is_allowed: bool
) -> None:
    async def load() -> str:
        return "anna"

    app = Flask(__name__)
    monkeypatch.setattr(app, "ensure_sync", waited_for)
    LakeflowJobs(app, jobs={"nightly": JobConfig(job_id=7)}, policy=policy, user_loader=load)
    with app.test_request_context():
        current_authorizer = Authorizer(current_state(), request)
        assert current_authorizer.user == "anna"
        assert current_authorizer.allows("view", current_jobs["nightly"].job) is is_allowed


def test_a_loader_that_gives_a_coroutine_has_failed() -> None:
    async def load() -> None:
        return None

    app = Flask(__name__)
    LakeflowJobs(app, user_loader=lambda: load())
    with app.test_request_context(), pytest.raises(NotAllowed, match="who you are"):
        _ = Authorizer(current_state(), request).user


def test_a_policy_is_told_what_is_asked_for() -> None:
    asked: list[tuple[object, str, str]] = []

    def note(user: object, action: str, key: str) -> bool:
        asked.append((user, action, key))
        return True

    check(note, None, "cancel")
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
        {"Origin": "http://evil.example", "X-Forwarded-Host": "other.example, inner.example"},
        {"Origin": "", "X-Forwarded-Host": "other.example,"},
        {"Origin": "http://evil.app.example", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_site_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    with (
        Flask(__name__).test_request_context(method=method, headers={**HERE, **headers}),
        pytest.raises(NotAllowed, match="another site"),
    ):
        refuse_cross_site(request)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://app.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example, inner.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "edge.example,public.example"},
    ],
)
def test_the_apps_own_pages_and_clients_that_are_no_browser_pass(headers: dict[str, str]) -> None:
    with Flask(__name__).test_request_context(method="POST", headers={**HERE, **headers}):
        refuse_cross_site(request)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_may_come_from_anywhere(method: str) -> None:
    with Flask(__name__).test_request_context(
        method=method, headers={"Sec-Fetch-Site": "cross-site"}
    ):
        refuse_cross_site(request)
