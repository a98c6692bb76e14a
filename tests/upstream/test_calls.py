"""Calls to a workspace that fails: what is tried again, what is not, and when it is over."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import (
    Conflict,
    InvalidParameters,
    InvalidRequest,
    InvalidUserToken,
    JobNotFound,
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
    current_jobs,
)
from flask_lakeflow_jobs.testing import (
    Drop,
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
    SlowBody,
    TruncatedBody,
)
from tests.conftest import MakeApp
from tests.support import on_behalf_of

#: Seconds that a short tier has in these tests, and that a call may take on top of it.
SHORT = 1.0
GRACE = 5.0

TRANSIENT: list[Fault] = [
    Refusal(429, retry_after=0),
    Refusal(500),
    GatewayPage(502),
    Refusal(503, retry_after=0),
    Refusal(504),
    Refusal(400, "COULD_NOT_ACQUIRE_LOCK"),
    Drop(),
    Drop(reset=False),
    Drop(accepted=True),
    Drop(accepted=True, reset=False),
    InvalidBody(),
    InvalidBody(body=b""),
    InvalidBody(body=b"{}"),
    TruncatedBody(),
]


def names(faults: list[Fault]) -> list[str]:
    return [repr(fault) for fault in faults]


@pytest.fixture(autouse=True)
def _inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def short_timeouts(make_app: MakeApp) -> Iterator[Flask]:
    """An app whose calls may take a second only."""
    app = make_app(LAKEFLOW_JOBS_READ_TIMEOUT=SHORT, LAKEFLOW_JOBS_WRITE_TIMEOUT=SHORT)
    with app.app_context():
        current_jobs["never"].last_run()  # connects
        yield app


class TestReads:
    @pytest.mark.parametrize("fault", TRANSIENT, ids=names(TRANSIENT))
    def test_what_may_pass_is_tried_again(self, fault_proxy: FaultyWorkspace, fault: Fault) -> None:
        fault_proxy.fail(fault, path="jobs/get", times=1)

        assert current_jobs["never"].get_job().job_id
        assert len(fault_proxy.find_requests("GET", "jobs/get")) == 2

    @pytest.mark.parametrize("attempts", [1, 2, 4])
    def test_no_more_often_than_the_setting_says(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, attempts: int
    ) -> None:
        fault_proxy.fail(Refusal(500), path="jobs/get")
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=attempts)
        with app.app_context(), pytest.raises(UpstreamError):
            current_jobs["never"].get_job()

        assert len(fault_proxy.find_requests("GET", "jobs/get")) == attempts

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Refusal(400), UpstreamError),
            (Refusal(401), UpstreamUnauthenticated),
            (Refusal(403), NotAllowed),
            (Refusal(404), JobNotFound),
            (Refusal(409), Conflict),
            (Refusal(501), UpstreamError),
        ],
        ids=repr,
    )
    def test_what_cannot_pass_is_asked_once(
        self, fault_proxy: FaultyWorkspace, fault: Fault, error: type[LakeflowJobsError]
    ) -> None:
        fault_proxy.fail(fault, path="jobs/get")

        with pytest.raises(error) as caught:
            current_jobs["never"].get_job()

        assert type(caught.value) is error
        assert not caught.value.retryable
        assert len(fault_proxy.find_requests("GET", "jobs/get")) == 1

    @pytest.mark.parametrize(
        ("fault", "error", "status"),
        [
            (Refusal(429, retry_after=1), UpstreamThrottled, 429),
            (Refusal(500), UpstreamError, 502),
            (GatewayPage(502), UpstreamError, 502),
            (GatewayPage(503), UpstreamUnavailable, 503),
            (Refusal(503), UpstreamUnavailable, 503),
            (Refusal(504), UpstreamTimeout, 504),
            (Drop(), UpstreamUnavailable, 503),
            (InvalidBody(), UpstreamError, 502),
            (
                InvalidBody(body=b"<html>sign in</html>", content_type="text/html"),
                UpstreamError,
                502,
            ),
            (InvalidBody(body=b"[]"), UpstreamError, 502),
            (InvalidBody(body=b"null"), UpstreamError, 502),
        ],
        ids=repr,
    )
    def test_what_does_not_pass_in_time_has_its_error(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        fault: Fault,
        error: type[LakeflowJobsError],
        status: int,
    ) -> None:
        fault_proxy.fail(fault, path="jobs/get")
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1)
        with app.app_context(), pytest.raises(LakeflowJobsError) as caught:
            current_jobs["never"].get_job()

        assert (type(caught.value), caught.value.code) == (error, status)

    @pytest.mark.parametrize("limit", [0, -1, 2.5, "5", None])
    def test_a_limit_that_is_none_is_not_asked_for(
        self, fault_proxy: FaultyWorkspace, limit: Any
    ) -> None:
        with pytest.raises(InvalidRequest, match="limit"):
            current_jobs["never"].list_runs(limit)

        assert not fault_proxy.find_requests("GET", "runs/list")

    def test_no_run_both_goes_on_and_has_ended(self, fault_proxy: FaultyWorkspace) -> None:
        with pytest.raises(InvalidRequest, match="not both"):
            current_jobs["never"].list_runs(active_only=True, completed_only=True)

        assert not fault_proxy.find_requests("GET", "runs/list")

    def test_a_list_that_breaks_on_its_second_page_is_whole_in_the_end(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]
        started = [handle.run_now().run_id for _ in range(30)]
        broken: list[Exchange] = []

        def break_second_page(exchange: Exchange) -> None:
            if "page_token" in exchange.request.query and not broken:
                broken.append(exchange)
                exchange.reset()
            else:
                exchange.respond(exchange.forward())

        fault_proxy.fail(break_second_page, path="runs/list")

        assert [run.run_id for run in handle.list_runs(30)] == started[::-1]
        assert broken


class TestRetryAfter:
    def test_it_is_obeyed_where_it_fits(self, fault_proxy: FaultyWorkspace) -> None:
        fault_proxy.fail(Refusal(429, retry_after=1), path="jobs/get", times=1)
        began = time.monotonic()

        current_jobs["never"].get_job()

        assert time.monotonic() - began >= 1.0
        assert len(fault_proxy.find_requests("GET", "jobs/get")) == 2

    @pytest.mark.parametrize("status", [429, 503])
    def test_where_it_does_not_fit_it_is_handed_on_at_once(
        self, fault_proxy: FaultyWorkspace, status: int
    ) -> None:
        for path in ("jobs/get", "run-now"):
            fault_proxy.fail(Refusal(status, retry_after=3600), path=path)
        began = time.monotonic()

        for call in (current_jobs["never"].get_job, current_jobs["never"].run_now):
            with pytest.raises(UpstreamError) as caught:
                call()
            assert (caught.value.code, caught.value.retry_seconds) == (status, 3600)

        assert time.monotonic() - began < 30
        assert (
            len(fault_proxy.find_requests("GET", "jobs/get"))
            == len(fault_proxy.find_requests("POST"))
            == 1
        )

    @pytest.mark.parametrize("seconds", [0, -5])
    def test_one_that_asks_for_no_pause_is_not_asked_all_the_time(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace, seconds: int
    ) -> None:
        fault_proxy.fail(Refusal(429, retry_after=seconds), path="run-now")

        with pytest.raises(UpstreamThrottled):
            current_jobs["never"].run_now()

        assert 0 < len(fault_proxy.find_requests("POST", "run-now")) <= 3


class TestWrites:
    @pytest.mark.parametrize("fault", TRANSIENT, ids=names(TRANSIENT))
    def test_a_trigger_is_sent_again_with_the_same_token_and_starts_one_run(
        self, fault_proxy: FaultyWorkspace, fault: Fault
    ) -> None:
        known = current_jobs["never"].list_runs(100)
        fault_proxy.fail(fault, path="run-now", times=1)

        run_id = current_jobs["never"].run_now().run_id

        sent = fault_proxy.find_requests("POST", "run-now")
        assert len(sent) == 2
        assert len({request.body["idempotency_token"] for request in sent}) == 1
        runs = {run.run_id for run in current_jobs["never"].list_runs(100)}
        assert runs - {run.run_id for run in known} == {run_id}

    def test_as_many_triggers_as_runs_over_a_bad_road(self, fault_proxy: FaultyWorkspace) -> None:
        known_runs = current_jobs["never"].list_runs(1)
        chance = random.Random(2013)
        fault_proxy.fail(Drop(accepted=True), path="run-now", rate=0.2, random=chance)
        fault_proxy.fail(Refusal(429, retry_after=0), path="run-now", rate=0.1, random=chance)

        reported = {current_jobs["never"].run_now().run_id for _ in range(50)}

        assert len(reported) == 50
        started = {run.run_id for run in current_jobs["never"].list_runs(50)}
        assert started == reported
        assert current_jobs["never"].list_runs(51)[50:] == known_runs

    @pytest.mark.parametrize(
        "fault",
        [
            Drop(accepted=True),
            Silence(accepted=True),
            TruncatedBody(),
            InvalidBody(),
            InvalidBody(body=b"[]"),
            InvalidBody(body=b'{"run_id": "twelve"}'),
            Refusal(500),
        ],
        ids=repr,
    )
    def test_one_that_may_have_happened_is_not_to_be_made_anew_blindly(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault
    ) -> None:
        fault_proxy.fail(fault, path="run-now")

        with pytest.raises(UpstreamError, match="Check before you retry") as caught:
            current_jobs["never"].run_now()
        with pytest.raises(UpstreamError) as with_key:
            current_jobs["never"].run_now(idempotency_key=repr(fault))

        assert not caught.value.retryable
        assert with_key.value.retryable
        assert "Check before" not in str(with_key.value)

    def test_one_whose_first_answer_was_lost_may_have_happened_whatever_comes_then(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Drop(accepted=True), path="run-now", times=1)
        fault_proxy.fail(Refusal(503), path="run-now")

        with pytest.raises(UpstreamUnavailable, match="Check before you retry") as caught:
            current_jobs["never"].run_now()

        assert not caught.value.retryable

    @pytest.mark.parametrize("fault", [Refusal(503), Refusal(429)], ids=repr)
    def test_one_that_was_refused_may_be_made_anew(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault
    ) -> None:
        fault_proxy.fail(fault, path="run-now")

        with pytest.raises(UpstreamError) as caught:
            current_jobs["never"].run_now()

        assert caught.value.retryable

    def test_a_repair_is_never_to_be_made_anew_blindly(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["failing"].run_now().run_id
        current_jobs["failing"].wait(run_id)
        fault_proxy.fail(Drop(accepted=True), path="runs/repair")

        with pytest.raises(UpstreamUnavailable, match="Check before you retry") as caught:
            current_jobs["failing"].repair_run(run_id)

        assert not caught.value.retryable
        assert len(fault_proxy.find_requests("POST", "runs/repair")) == 1

    def test_a_yes_without_an_id_is_none(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(InvalidBody(body=b'{"run_id": null}'), path="run-now")

        with pytest.raises(UpstreamError):
            current_jobs["never"].run_now()

    def test_what_was_given_up_while_logging_in_is_not_asked_later(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        may_log_in = threading.Event()

        def hold(exchange: Exchange) -> None:
            may_log_in.wait(30)
            exchange.respond(exchange.forward())

        fault_proxy.fail(hold, path="oidc/v1/token")
        app = make_app(
            DATABRICKS_TOKEN=None,
            DATABRICKS_CLIENT_ID="the-app",
            DATABRICKS_CLIENT_SECRET=fault_proxy.token,
            LAKEFLOW_JOBS_WRITE_TIMEOUT=SHORT,
        )
        with app.app_context():
            with pytest.raises(UpstreamTimeout):
                current_jobs["never"].run_now()
            may_log_in.set()
            fault_proxy.wait_for(path="oidc/v1/token")
            assert current_jobs["never"].get_job().job_id

        assert not fault_proxy.find_requests("POST", "run-now")

    def test_a_cancellation_is_sent_again(self, fault_proxy: FaultyWorkspace) -> None:
        run_id = current_jobs["never"].run_now().run_id
        fault_proxy.fail(Drop(accepted=True), path="runs/cancel", times=2)

        current_jobs["never"].cancel_run(run_id)

        assert len(fault_proxy.find_requests("POST", "runs/cancel")) == 3

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Refusal(400), InvalidParameters),
            (Refusal(401), UpstreamUnauthenticated),
            (Refusal(403), NotAllowed),
            (Refusal(404), JobNotFound),
            (Refusal(409), Conflict),
        ],
        ids=repr,
    )
    def test_a_refused_trigger_is_sent_once(
        self, fault_proxy: FaultyWorkspace, fault: Fault, error: type[LakeflowJobsError]
    ) -> None:
        fault_proxy.fail(fault, path="run-now")

        with pytest.raises(error):
            current_jobs["never"].run_now()

        assert len(fault_proxy.find_requests("POST")) == 1


class SoftTimeLimitExceeded(Exception):
    """Raised by a signal handler in whatever runs: so Celery tells a task that its time is up."""


def test_what_hits_the_caller_is_no_failure_of_the_workspace(
    fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    def interrupt(*_: object) -> None:
        raise SoftTimeLimitExceeded

    def hold(exchange: Exchange) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        exchange.respond(exchange.forward())

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        fault_proxy.fail(hold, path="jobs/get")
        with pytest.raises(SoftTimeLimitExceeded):
            current_jobs["never"].get_job()
    finally:
        signal.signal(signal.SIGUSR1, before)


class TestDeadlines:
    """A tier's timeout holds whatever the workspace does; generous limits, since machines vary."""

    @pytest.mark.parametrize(
        "fault", [Silence(), Silence(accepted=True), SlowBody(0.2), Refusal(500)], ids=repr
    )
    @pytest.mark.parametrize("call", ["get_job", "run_now"])
    def test_no_call_outlives_its_tier(
        self, short_timeouts: Flask, fault_proxy: FaultyWorkspace, fault: Fault, call: str
    ) -> None:
        fault_proxy.fail(fault)
        began = time.monotonic()

        with pytest.raises(UpstreamError) as caught:
            getattr(current_jobs["never"], call)()

        assert time.monotonic() - began < SHORT + GRACE
        assert caught.value.code in (502, 504)
        assert caught.value.retryable is (call == "get_job")

    @pytest.mark.parametrize(
        "path", ["databricks-config", "oauth-authorization-server", "oidc/v1/token"]
    )
    def test_a_silent_login_counts_too(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, path: str
    ) -> None:
        fault_proxy.fail(Silence(), path=path)
        app = make_app(
            DATABRICKS_TOKEN=None,
            DATABRICKS_CLIENT_ID="the-app",
            DATABRICKS_CLIENT_SECRET=fault_proxy.token,
            LAKEFLOW_JOBS_READ_TIMEOUT=SHORT,
        )
        began = time.monotonic()

        with app.app_context():
            result = current_jobs["never"].results.get_job()

        was_asked = bool(
            fault_proxy.find_requests(path=path)
        )  # an older SDK logs in without discovery
        assert result.status == (504 if was_asked else None)
        assert time.monotonic() - began < SHORT + GRACE

    def test_one_timeout_overrides_both_tiers(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        app = make_app(
            LAKEFLOW_JOBS_TIMEOUT=SHORT,
            LAKEFLOW_JOBS_READ_TIMEOUT=3600,
            LAKEFLOW_JOBS_WRITE_TIMEOUT=3600,
        )
        fault_proxy.fail(Silence(), path="jobs/get")
        fault_proxy.fail(Silence(), path="run-now")
        began = time.monotonic()
        with app.app_context():
            for call in (current_jobs["never"].get_job, current_jobs["never"].run_now):
                with pytest.raises(UpstreamTimeout):
                    call()

        assert time.monotonic() - began < 2 * SHORT + GRACE

    def test_other_calls_go_on_while_one_hangs(
        self, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
    ) -> None:
        fault_proxy.fail(Silence(), path="jobs/get", times=1)
        (hanging,) = in_threads(current_jobs["never"].results.get_job)
        fault_proxy.wait_for(path="jobs/get")

        assert current_jobs["never"].run_now().run_id

        assert hanging.is_alive()
        fault_proxy.stop()  # breaks what hangs; the retry then finds nobody
        hanging.join(30)
        fault_proxy.start()


class TestMessages:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503, 504])
    def test_no_message_tells_token_or_configuration(
        self, fault_proxy: FaultyWorkspace, status: int
    ) -> None:
        refusal = Refusal(status, message="You shall not pass", retry_after=3600)
        fault_proxy.fail(refusal, path="jobs/get")

        with pytest.raises(LakeflowJobsError) as caught:
            current_jobs["never"].get_job()

        said = f"{caught.value} {caught.value.detail} {caught.value!r}"
        for secret in (fault_proxy.token, "Config:", "host=", "auth_type", "Traceback"):
            assert secret not in said

    def test_the_code_of_the_workspace_is_kept(self, fault_proxy: FaultyWorkspace) -> None:
        fault_proxy.fail(
            Refusal(403, "PERMISSION_DENIED", "User x does not have Manage Run on job 1")
        )

        with pytest.raises(NotAllowed, match="Manage Run on job 1") as caught:
            current_jobs["never"].run_now()

        assert caught.value.upstream_code == "PERMISSION_DENIED"

    def test_a_users_refused_token_is_theirs_and_the_apps_is_ours(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with (
            app.test_request_context(headers=on_behalf_of("dapi-of-carol")),
            pytest.raises(InvalidUserToken) as caught,
            current_jobs["never"].as_user(request) as handle,
        ):
            handle.get_job()

        assert caught.value.code == 401
        assert "carol" not in f"{caught.value} {caught.value!r}"
