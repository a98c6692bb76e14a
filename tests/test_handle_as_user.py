"""On behalf of users: whose token arrives upstream, and that no other ever does."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, request

from flask_lakeflow_jobs import HandleClosed, JobHandle, MissingUserToken, current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, hash_token
from tests.conftest import MakeApp
from tests.support import ALICE, BOB, DEADLINE, on_behalf_of

UNKNOWN_RUN = 1


pytestmark = pytest.mark.usefixtures("app_context")


class TestAsUser:
    def test_as_user_block_only_its_handle_acts_as_the_user(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with _acting_as(ALICE, app, "never") as handle:
            handle.run_now()
            current_jobs["never"].get_job()

        assert [sent.token for sent in fault_proxy.find_requests("POST", "run-now")] == [
            hash_token(ALICE)
        ]
        assert [sent.token for sent in fault_proxy.find_requests("GET", "jobs/get")] == [
            hash_token(fault_proxy.token)
        ]

    def test_as_user_every_call_sends_the_users_token(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["pipeline"].run_now().run_id
        current_jobs["pipeline"].wait(run_id)
        before = len(fault_proxy.requests)

        with _acting_as(ALICE, app, "pipeline") as handle:
            handle.get_job()
            handle.get_run(run_id)
            handle.get_run_output(run_id)
            handle.explain(run_id)
            handle.list_runs()
            handle.last_run()
            handle.wait(run_id)
            list(handle.run_and_wait())
            handle.cancel_run(run_id)
            handle.cancel_all_runs()
            handle.results.get_job()

        api_calls = [
            sent for sent in fault_proxy.requests[before:] if sent.path.startswith("/api/")
        ]
        assert len(api_calls) >= 11
        assert {sent.token for sent in api_calls} == {hash_token(ALICE)}

    def test_as_user_handle_after_its_block_raises_handle_closed(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with _acting_as(ALICE, app, "never") as handle:
            triggered = handle.run_now()
            run_id = triggered.run_id
            watch = handle.watch(run_id)
        before = len(fault_proxy.requests)

        for call in (
            handle.run_now,
            handle.get_job,
            lambda: handle.get_run(run_id),
            triggered.wait,
        ):
            with pytest.raises(HandleClosed, match="only inside its block"):
                call()
        with pytest.raises(HandleClosed):
            next(watch)
        assert handle.results.last_run().ok is False
        assert len(fault_proxy.requests) == before

    def test_as_user_handle_without_a_block_says_what_to_write(self, app: Flask) -> None:
        with app.test_request_context(headers=on_behalf_of(ALICE)):
            handle: Any = current_jobs["never"].as_user(request)
        with pytest.raises(HandleClosed, match=r"with current_jobs\['never'\]\.as_user\(request\)"):
            handle.run_now()

    def test_as_user_copy_after_the_block_raises_handle_closed(self, app: Flask) -> None:
        with _acting_as(ALICE, app, "never") as handle:
            copied = copy.copy(handle)
            assert copied.last_run() == handle.last_run()
        with pytest.raises(HandleClosed):
            copied.get_job()

    def test_as_user_handle_after_a_failed_block_raises_handle_closed(self, app: Flask) -> None:
        with (
            app.test_request_context(headers=on_behalf_of(ALICE)),
            pytest.raises(ZeroDivisionError),
            current_jobs["never"].as_user(request) as handle,
        ):
            1 / 0  # noqa: B018
        with pytest.raises(HandleClosed):
            handle.get_job()

    def test_as_user_block_that_ends_during_a_trigger_returns_the_started_run(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        with app.test_request_context(headers=on_behalf_of(ALICE)):
            block: Any = current_jobs["never"].as_user(request)
            with block as handle:

                def start_and_end(exchange: Exchange) -> None:
                    started = exchange.forward()
                    block.__exit__()
                    exchange.respond(started)

                fault_proxy.fail(start_and_end, path="run-now")
                assert handle.run_now().run_id

    @pytest.mark.parametrize("headers", [{}, on_behalf_of(""), on_behalf_of("   ")])
    def test_as_user_without_token_makes_no_request(
        self, app: Flask, fault_proxy: FaultyWorkspace, headers: dict[str, str]
    ) -> None:
        with (
            app.test_request_context(headers=headers),
            pytest.raises(MissingUserToken) as caught,
            current_jobs["never"].as_user(request) as handle,
        ):
            handle.run_now()

        assert caught.value.code == 401
        assert not fault_proxy.requests

    def test_as_user_concurrent_users_act_as_themselves(
        self, app: Flask, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
    ) -> None:
        together = threading.Barrier(3, timeout=DEADLINE)
        fault_proxy.fail(_meet(together), path="jobs/get")  # all three calls are under way at once

        def user(token: str) -> Callable[[], None]:
            def call() -> None:
                with _acting_as(token, app, "never") as handle:
                    handle.get_job()
                    handle.run_now({"day": token[-3:]})

            return call

        def app_itself() -> None:
            with app.app_context():
                current_jobs["never"].get_job()
                current_jobs["never"].run_now({"day": "app"})

        for thread in in_threads(user(ALICE), user(BOB), app_itself):
            thread.join(DEADLINE)

        sent = {
            started.body["job_parameters"]["day"]: started.token
            for started in fault_proxy.find_requests("POST", "run-now")
        }
        assert sent == {
            "ice": hash_token(ALICE),
            "bob": hash_token(BOB),
            "app": hash_token(fault_proxy.token),
        }

    def test_as_user_same_idempotency_key_with_a_new_token_returns_same_run(
        self, app: Flask
    ) -> None:
        """The proxy of Databricks Apps forwards another token every hour."""
        run_ids = set()
        for token in (ALICE, BOB):
            with _acting_as(token, app, "never") as handle:
                triggered = handle.run_now(idempotency_key="one", requested_by="alice")
                run_ids.add(triggered.run_id)
        assert len(run_ids) == 1

    def test_as_user_same_idempotency_key_of_two_users_starts_two_runs(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        runs = set()
        for token in (ALICE, BOB):
            with _acting_as(token, app, "never") as handle:
                runs.add(handle.run_now(idempotency_key="same").run_id)
        runs.add(current_jobs["never"].run_now(idempotency_key="same").run_id)

        assert len(runs) == 3

    def test_job_that_runs_as_user_refuses_the_apps_own_handle(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        app = make_app(jobs={"users": {"of": "never", "run_as": "user"}})
        with app.test_request_context(headers=on_behalf_of(ALICE)):
            with pytest.raises(MissingUserToken, match="as_user"):
                current_jobs["users"].run_now()
            assert not fault_proxy.requests
            with current_jobs["users"].as_user(request) as handle:
                handle.run_now()
        assert [sent.token for sent in fault_proxy.find_requests("POST")] == [hash_token(ALICE)]

    def test_handle_repr_and_attributes_hide_the_token(self, app: Flask) -> None:
        with _acting_as(ALICE, app, "never") as handle:
            assert ALICE not in repr(handle) + repr(vars(handle))


@contextmanager
def _acting_as(token: str, app: Flask, key: str) -> Iterator[JobHandle]:
    """A handle on behalf of a user, as a view has it."""
    with (
        app.test_request_context(headers=on_behalf_of(token)),
        current_jobs[key].as_user(request) as handle,
    ):
        yield handle


def _meet(barrier: threading.Barrier) -> Callable[[Exchange], None]:
    def meet(exchange: Exchange) -> None:
        barrier.wait()
        exchange.respond(exchange.forward())

    return meet
