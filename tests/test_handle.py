"""Calls of a handle, over the real SDK and real HTTP."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_lakeflow_jobs import (
    InvalidParameters,
    InvalidRequest,
    RunStatus,
    RunTimeout,
    UpstreamUnavailable,
    current_jobs,
)
from flask_lakeflow_jobs.config.keys import READ_TIMEOUT
from flask_lakeflow_jobs.pages import normalize_page_url
from flask_lakeflow_jobs.reader import subscribe_to
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal, Silence
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.support import DEADLINE, RunGate, wait_until

UNKNOWN_RUN = 1


pytestmark = pytest.mark.usefixtures("app_context")


class TestWatching:
    def test_run_and_wait_yields_states_until_the_terminal_one(self, run_gate: RunGate) -> None:
        states = []
        for status in current_jobs["gated"].run_and_wait(run_gate.params):
            states.append(status)
            run_gate.open()

        assert all(isinstance(status, RunStatus) for status in states)
        assert [status.is_terminal for status in states] == [False] * (len(states) - 1) + [True]
        assert states[0].outcome == "running"
        assert states[-1].outcome == "succeeded"
        assert states[-1].status == "TERMINATED"

    def test_run_and_wait_starts_the_run_before_iteration(self) -> None:
        watch = current_jobs["never"].run_and_wait()

        assert current_jobs["never"].get_run(watch.run_id).run_id == watch.run_id

    def test_run_and_wait_that_nobody_iterates_shows_a_warning(self) -> None:
        never = current_jobs["never"]
        for run_and_wait in (never.run_and_wait, never.results.run_and_wait):
            with pytest.warns(RuntimeWarning, match="nothing waited for it") as shown:
                run_and_wait()
            assert [warning.filename for warning in shown] == [__file__]

    def test_run_and_wait_sends_its_options(self, fault_proxy: FaultyWorkspace) -> None:
        list(current_jobs["never"].run_and_wait(idempotency_key="k", only=["only"], queue=False))

        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert sent.body["only"] == ["only"]
        assert sent.body["queue"] == {"enabled": False}

    def test_triggered_run_is_watched_and_waited_for(self, run_gate: RunGate) -> None:
        triggered = current_jobs["gated"].run_now(run_gate.params)
        first = next(triggered.watch())
        run_gate.open()

        assert triggered.wait().succeeded
        assert first.run.run_id == triggered.run_id
        assert triggered.url == normalize_page_url(first.run.run_page_url)

    def test_triggered_run_has_the_url_of_its_page_in_the_console(self, make_app: MakeApp) -> None:
        app = make_app(LAKEFLOW_JOBS_CONSOLE=True, LAKEFLOW_JOBS_CONSOLE_PREFIX="/ops")
        with app.test_request_context(base_url="https://x.example/app/"):
            triggered = current_jobs["never"].run_now()
            page = f"https://x.example/app/ops/never/runs/{triggered.run_id}"
            assert triggered.url == page
        with app.app_context():  # its address is not known
            run = current_jobs["never"].get_run(triggered.run_id)
            assert triggered.url == normalize_page_url(run.run_page_url)
        with app.test_request_context(headers={"Host": "my_app"}):  # for werkzeug, it is no host
            assert urlsplit(triggered.url).netloc

    def test_run_now_with_unknown_task_names_those_of_the_job(self) -> None:
        with pytest.raises(InvalidParameters, match="'onyl'\\. Did you mean 'only'\\? Its tasks"):
            current_jobs["never"].run_now(only="onyl")

    def test_run_now_with_unknown_task_of_an_unreadable_job_stays_a_400(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(503), path="jobs/get")
        with pytest.raises(InvalidParameters, match="onyl"):
            current_jobs["never"].run_now(only="onyl")

    @pytest.mark.parametrize("call", ["run_now", "check"])
    def test_empty_list_of_tasks_starts_nothing(
        self, fault_proxy: FaultyWorkspace, call: str
    ) -> None:
        """Without ``only``, the workspace runs all tasks."""
        with pytest.raises(InvalidParameters) as caught:
            getattr(current_jobs["pipeline"], call)(only=[])

        assert caught.value.messages == {"only": ["Names no task."]}
        assert not fault_proxy.find_requests("POST")

    def test_repair_with_an_empty_list_of_tasks_reruns_nothing(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["failing"]
        run_id = handle.run_now().run_id
        handle.wait(run_id)
        with pytest.raises(InvalidParameters, match="'rerun_tasks' names no task"):
            handle.repair_run(run_id, rerun_tasks=[])

        assert not fault_proxy.find_requests("POST", "runs/repair")

    def test_repair_with_a_mistyped_task_suggests_the_one_that_was_meant(self) -> None:
        handle = current_jobs["pipeline"]
        run_id = handle.run_now().run_id
        handle.wait(run_id)
        with pytest.raises(InvalidParameters, match=r"Did you mean 'load'\? Its tasks: ") as caught:
            handle.repair_run(run_id, rerun_tasks=["laod"])

        assert caught.value.messages == {"rerun_tasks": ["Has no task 'laod'."]}

    def test_task_keys_as_string_are_one_key(self, fault_proxy: FaultyWorkspace) -> None:
        handle = current_jobs["pipeline"]
        handle.check(only="load")
        run_id = handle.run_now(only="load").run_id
        handle.wait(run_id)
        handle.repair_run(run_id, rerun_tasks="load")

        (started,) = fault_proxy.find_requests("POST", "run-now")
        (repaired,) = fault_proxy.find_requests("POST", "runs/repair")
        assert started.body["only"] == ["load"]
        assert repaired.body["rerun_tasks"] == ["load"]

    @pytest.mark.parametrize("timeout", ["60", float("nan")])
    def test_timeout_that_is_no_number_starts_nothing(
        self, fault_proxy: FaultyWorkspace, timeout: Any
    ) -> None:
        with pytest.raises(InvalidRequest, match="The timeout must be a number of seconds"):
            current_jobs["never"].run_and_wait(timeout=timeout)
        with pytest.raises(InvalidRequest, match="The timeout must be a number of seconds"):
            current_jobs["never"].wait(UNKNOWN_RUN, timeout=timeout)

        assert not fault_proxy.requests

    def test_watch_follows_an_existing_run_and_starts_none(
        self, run_gate: RunGate, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["gated"].run_now(run_gate.params).run_id
        run_gate.open()

        *_, last = current_jobs["gated"].watch(run_id)

        assert last.outcome == "succeeded"
        assert len(fault_proxy.find_requests("POST")) == 1

    def test_wait_timeout_leaves_the_run_active(self, run_gate: RunGate) -> None:
        handle = current_jobs["gated"]
        run_id = handle.run_now(run_gate.params).run_id
        with closing(subscribe_to(handle, run_id)) as subscription:
            assert subscription.wait_for_first(DEADLINE)

            with pytest.raises(RunTimeout, match="It continues") as caught:
                handle.wait(run_id, timeout=0.05)

        assert (caught.value.code, caught.value.exit_code) == (504, 4)
        run_gate.open()
        assert handle.wait(run_id).outcome == "succeeded"

    def test_wait_timeout_applies_if_the_workspace_is_silent(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Silence())
        began = time.monotonic()

        with pytest.raises(RunTimeout, match="has not responded yet") as caught:
            current_jobs["quick"].wait(UNKNOWN_RUN, timeout=0.05)

        assert time.monotonic() - began < READ_TIMEOUT.default
        assert "continues" not in caught.value.detail

    def test_wait_timeout_after_transient_errors_quotes_the_last(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["quick"]
        fault_proxy.fail(Refusal(503, message="Under maintenance."), path="runs/get")
        with closing(subscribe_to(handle, UNKNOWN_RUN)) as subscription:
            [update] = subscription.wait_for_first(DEADLINE)

            with pytest.raises(RunTimeout, match="No end of run") as caught:
                handle.wait(UNKNOWN_RUN, timeout=0.05)

        assert update.transient_error is not None
        assert update.transient_error.detail in caught.value.detail

    @pytest.mark.parametrize("timeout", [1e10, float("inf")])
    def test_run_and_wait_accepts_very_long_timeouts(
        self, run_gate: RunGate, timeout: float
    ) -> None:
        watch = current_jobs["gated"].run_and_wait(run_gate.params, timeout=timeout)
        next(watch)
        run_gate.open()

        *_, last = watch

        assert last.outcome == "succeeded"

    def test_run_and_wait_without_timeout_uses_the_jobs_own(
        self, make_app: MakeApp, run_gate: RunGate
    ) -> None:
        jobs = {"hasty": {"of": "gated", "task_type": "job", "wait_timeout": 0.05}}
        with make_app(jobs=jobs).app_context(), pytest.raises(RunTimeout):
            list(current_jobs["hasty"].run_and_wait(run_gate.params))

    def test_wait_survives_transient_errors(
        self, run_gate: RunGate, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["gated"]
        run_id = handle.run_now(run_gate.params).run_id
        fault_proxy.fail(Refusal(500), method="GET", times=4)
        run_gate.open()

        assert handle.wait(run_id).outcome == "succeeded"


class TestIntervening:
    def test_cancel_run_ends_the_run_as_canceled(self, run_gate: RunGate) -> None:
        handle = current_jobs["gated"]
        run_id = handle.run_now(run_gate.params).run_id

        assert handle.cancel_run(run_id) is None  # type: ignore[func-returns-value]

        assert handle.wait(run_id).outcome == "canceled"

    def test_cancel_all_runs_cancels_only_runs_of_the_job(self, run_gate: RunGate) -> None:
        run_ids = [current_jobs["gated"].run_now(run_gate.params).run_id for _ in range(2)]
        other = current_jobs["single"].run_now(run_gate.params).run_id

        current_jobs["gated"].cancel_all_runs()

        outcomes = [current_jobs["gated"].wait(run_id).outcome for run_id in run_ids]
        assert outcomes == ["canceled", "canceled"]
        run_gate.open()
        assert current_jobs["single"].wait(other).outcome == "succeeded"

    @pytest.mark.parametrize("is_lost", [False, True], ids=["", "response is lost"])
    @pytest.mark.parametrize("name", ["cancel_all_runs", "cancel_run"])
    def test_cancellation_updates_subscribers_at_once(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        run_gate: RunGate,
        stopped_clock: FakeClock,
        name: str,
        is_lost: bool,
    ) -> None:
        app = make_app(LAKEFLOW_JOBS_POLL_INTERVAL=600, clock=stopped_clock)
        with app.app_context():
            handle = current_jobs["gated"]
            run_id = handle.run_now(run_gate.params).run_id
            with closing(subscribe_to(handle, run_id)) as subscription:
                assert subscription.wait_for_first(DEADLINE)
                cancel = getattr(handle.results, name)
                if is_lost:
                    fault_proxy.fail(Drop(accepted=True), method="POST")

                assert cancel(*[run_id] * (name == "cancel_run")).ok is not is_lost

                [update] = wait_until(subscription.collect, "An update of the run")
        assert update.snapshot is not None
        assert update.snapshot.status.outcome in ("terminating", "canceled")

    def test_run_now_over_the_concurrency_limit_skips_the_run(self, run_gate: RunGate) -> None:
        handle = current_jobs["single"]
        first = handle.run_now(run_gate.params).run_id

        second = handle.run_now(run_gate.params).run_id

        assert handle.wait(second).outcome == "skipped"
        run_gate.open()
        assert handle.wait(first).outcome == "succeeded"

    def test_run_now_with_queue_over_the_limit_queues_the_run(self, run_gate: RunGate) -> None:
        handle = current_jobs["single"]
        handle.run_now(run_gate.params)

        states = []
        for status in handle.run_and_wait(run_gate.params, queue=True):
            states.append(status.outcome)
            run_gate.open()

        assert (states[0], states[-1]) == ("queued", "succeeded")


class TestResults:
    def test_results_offer_every_call_of_the_handle(self) -> None:
        results: Any = current_jobs["never"].results
        run_id = results.run_now().data.run_id

        assert results.get_run(run_id).ok
        assert results.wait(run_id).data.outcome == "skipped"
        assert results.last_run().ok
        assert len(results.list_runs(limit=1).data) == 1
        assert results.get_job().ok
        assert results.explain(run_id).data.outcome == "skipped"
        assert results.cancel_run(run_id).ok
        assert results.cancel_all_runs().ok
        assert results.get_run_output(run_id).ok
        assert not results.repair_run(UNKNOWN_RUN).ok

    def test_results_iterators_end_with_the_failure(
        self, run_gate: RunGate, fault_proxy: FaultyWorkspace
    ) -> None:
        results: Any = current_jobs["gated"].results

        *states, last = results.run_and_wait(run_gate.params, timeout=0.05)

        assert all(state.ok for state in states)
        assert (last.ok, last.status) == (False, 504)
        assert [state.ok for state in results.watch(UNKNOWN_RUN)] == [False]
        assert [state.ok for state in results.run_and_wait({"gate": object()})] == [False]

    def test_results_run_and_wait_starts_the_run_before_iteration(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        watch = current_jobs["never"].results.run_and_wait()

        assert len(fault_proxy.find_requests("POST", "run-now")) == 1
        assert [result.ok for result in watch] == [True]
        assert current_jobs["never"].results.get_run(watch.run_id or 0).ok


class TestSettings:
    def test_two_apps_call_two_workspaces(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        first = make_app()
        second = make_app(DATABRICKS_HOST="http://127.0.0.1:9", LAKEFLOW_JOBS_READ_TIMEOUT=5)

        with second.app_context(), pytest.raises(UpstreamUnavailable):
            current_jobs["never"].get_job()
        with first.app_context():
            assert current_jobs["never"].get_job().job_id
