"""Authorization: policies and user loaders that allow, deny or fail."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import (
    JobConfig,
    LakeflowJobs,
    LakeflowJobsError,
    NotAllowed,
    UnknownJob,
    authorize,
    current_jobs,
)
from flask_lakeflow_jobs.config.job_config import Policy
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.web.authorization import Authorizer


def check(of_app: Policy | None, of_job: Policy | None) -> None:
    app = Flask(__name__)
    jobs = {"nightly": JobConfig(job_id=7, policy=of_job)}
    LakeflowJobs(app, jobs=jobs, policy=of_app)
    with app.test_request_context():
        Authorizer(current_state(), request).check_view(current_jobs["nightly"].job)


def allow(*_: object) -> bool:
    return True


def deny(*_: object) -> bool:
    return False


def fail(*_: object) -> bool:
    raise LookupError("no such user")


@pytest.mark.parametrize("policies", [(None, None), (allow, None), (None, allow), (deny, allow)])
def test_check_uses_the_jobs_policy_or_else_the_apps(
    policies: tuple[Policy | None, Policy | None],
) -> None:
    check(*policies)


@pytest.mark.parametrize("policies", [(deny, None), (None, deny), (allow, deny), (fail, None)])
def test_check_denying_or_failing_policy_raises_not_allowed(
    policies: tuple[Policy | None, Policy | None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(NotAllowed, match="view") as caught:
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
def test_check_result_other_than_true_raises_not_allowed(
    policy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotAllowed):
        check(policy, None)
    assert policy is deny_async or "is denied" in caplog.text


def run_async(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function as Flask does with the extra ``async``."""
    if not inspect.iscoroutinefunction(callback):
        return callback
    return lambda *args: asyncio.run(callback(*args))


@pytest.mark.parametrize(("policy", "is_allowed"), [(allow_async, True), (deny_async, False)])
def test_async_policy_and_user_loader_are_awaited(
    monkeypatch: pytest.MonkeyPatch, policy: Any, is_allowed: bool
) -> None:
    async def load() -> str:
        return "anna"

    app = Flask(__name__)
    monkeypatch.setattr(app, "ensure_sync", run_async)
    LakeflowJobs(app, jobs={"nightly": JobConfig(job_id=7)}, policy=policy, user_loader=load)
    with app.test_request_context():
        authorizer = Authorizer(current_state(), request)
        assert authorizer.user == "anna"
        assert authorizer.allows("view", current_jobs["nightly"].job) is is_allowed


def test_user_loader_that_returns_a_coroutine_raises_not_allowed() -> None:
    async def load() -> None:
        return None

    app = Flask(__name__)
    LakeflowJobs(app, user_loader=lambda: load())
    with app.test_request_context(), pytest.raises(NotAllowed, match="failed to identify you"):
        _ = Authorizer(current_state(), request).user


def test_user_whose_name_fails_raises_not_allowed() -> None:
    class Detached:
        @property
        def email(self) -> str:
            raise RuntimeError("The session of the database is closed.")

    app = Flask(__name__)
    LakeflowJobs(app, user_loader=Detached)
    with app.test_request_context(), pytest.raises(NotAllowed, match="failed to identify you"):
        _ = Authorizer(current_state(), request).user_name


@pytest.mark.parametrize(
    ("method", "site", "key", "allowed", "expected"),
    [
        ("POST", "same-origin", "nightly", ("view", "run"), "anna"),
        ("GET", "cross-site", "nightly", ("view", "run"), "anna"),
        ("POST", "cross-site", "nightly", ("view", "run"), NotAllowed),
        ("POST", None, "nightly", ("view", "run"), NotAllowed),
        ("POST", "same-origin", "nightly", ("view",), NotAllowed),
        ("POST", "same-origin", "nightly", (), UnknownJob),
        ("POST", "same-origin", "absent", ("view", "run"), UnknownJob),
    ],
)
def test_authorize_checks_page_policy_and_job(
    method: str,
    site: str | None,
    key: str,
    allowed: tuple[str, ...],
    expected: str | type[LakeflowJobsError],
) -> None:
    app = Flask(__name__)
    LakeflowJobs(
        app,
        jobs={"nightly": JobConfig(job_id=7)},
        policy=lambda _, action, __: action in allowed,
        user_loader=lambda: "anna",
    )
    headers = {"Sec-Fetch-Site": site} if site else {}
    with app.test_request_context(method=method, headers=headers):
        if isinstance(expected, str):
            assert authorize("run", key) == expected
        else:
            with pytest.raises(expected):
                authorize("run", key)


def test_authorize_refuses_an_action_that_no_policy_knows() -> None:
    app = Flask(__name__)
    LakeflowJobs(app, jobs={"nightly": JobConfig(job_id=7)})
    with app.test_request_context(), pytest.raises(ValueError, match="one of view, run, cancel"):
        authorize("cancle", "nightly")  # type: ignore[arg-type]
