"""Reads through the cache: few upstream, and never stale without saying so."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import UpstreamError, current_jobs
from flask_lakeflow_jobs.testing import Drop, Exchange, FaultyWorkspace, Refusal
from tests.conftest import MakeApp
from tests.support import RunGate, wait_until


@pytest.fixture(autouse=True)
def _inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_a_settled_run_is_read_once(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["never"].run_now().run_id

    runs = [current_jobs["never"].get_run(run_id) for _ in range(5)]

    assert {run.run_id for run in runs} == {run_id}
    assert len(fault_proxy.find_requests("GET", "runs/get")) == 1


def test_each_time_with_the_cache_off(make_app: MakeApp, fault_proxy: FaultyWorkspace) -> None:
    with make_app(LAKEFLOW_JOBS_CACHE_TTL=0).app_context():
        run_id = current_jobs["never"].run_now().run_id
        for _ in range(3):
            current_jobs["never"].get_run(run_id)

    assert len(fault_proxy.find_requests("GET", "runs/get")) == 3


def test_a_run_that_goes_on_is_never_served_for_long(run_gate: RunGate) -> None:
    """Though it is read all the time: reads do not keep an old answer alive."""
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    assert current_jobs["gated"].get_run(run_id).end_time == 0
    run_gate.open()

    assert wait_until(lambda: current_jobs["gated"].get_run(run_id).end_time, "its end")


def test_equal_reads_at_once_are_one_upstream(
    app: Flask, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
) -> None:
    run_id = current_jobs["never"].run_now().run_id
    may_answer = threading.Event()

    def hold(exchange: Exchange) -> None:
        may_answer.wait(30)
        exchange.respond(exchange.forward())

    fault_proxy.fail(hold, path="runs/get")
    found = []
    ready = threading.Barrier(21, timeout=30)

    def read() -> None:
        with app.app_context():
            ready.wait()
            found.append(current_jobs["never"].get_run(run_id).run_id)

    threads = in_threads(*[read] * 20)
    ready.wait()
    fault_proxy.wait_for(path="runs/get")
    may_answer.set()
    for thread in threads:
        thread.join(30)

    assert found == [run_id] * 20
    assert len(fault_proxy.find_requests("GET", "runs/get")) == 1


class Interrupted(Exception):
    """What a signal handler raises in whoever asks."""


def test_who_asks_for_others_too_keeps_its_own_end_to_itself(
    app: Flask, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
) -> None:
    """The first of two equal reads is stopped while it waits; the other asks anew."""
    run_id = current_jobs["never"].run_now().run_id
    asked_by_both, found = threading.Event(), []

    def interrupt(*_: object) -> None:
        raise Interrupted

    def hold(exchange: Exchange) -> None:
        if len(fault_proxy.find_requests("GET", "runs/get")) == 1:
            asked_by_both.wait(30)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            exchange.wait(1)
        exchange.respond(exchange.forward())

    def read() -> None:
        fault_proxy.wait_for(path="runs/get")
        with app.app_context():
            asked_by_both.set()
            found.append(current_jobs["never"].get_run(run_id).run_id)

    fault_proxy.fail(hold, path="runs/get")
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        (other,) = in_threads(read)
        with pytest.raises(Interrupted):
            current_jobs["never"].get_run(run_id)
    finally:
        signal.signal(signal.SIGUSR1, before)
    other.join(30)

    assert found == [run_id]


def test_a_read_after_a_change_joins_none_from_before_it(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, in_threads: Callable[..., Any]
) -> None:
    """Even where nothing is kept, so that no store tells of the change."""
    app = make_app(LAKEFLOW_JOBS_CACHE={"CACHE_TYPE": "NullCache", "CACHE_NO_NULL_WARNING": True})
    may_answer = threading.Event()

    def hold(exchange: Exchange) -> None:
        reply = exchange.forward()
        if len(fault_proxy.find_requests("GET", "runs/list")) == 1:
            may_answer.wait(30)
        exchange.respond(reply)

    def read() -> None:
        with app.app_context():
            current_jobs["never"].list_runs()

    fault_proxy.fail(hold, path="runs/list")
    (earlier,) = in_threads(read)
    fault_proxy.wait_for(path="runs/list")
    with app.app_context():
        started = current_jobs["never"].run_now().run_id
        newest = current_jobs["never"].list_runs()[0].run_id
    may_answer.set()
    earlier.join(30)

    assert newest == started


FORKING = """
import os, sys, threading
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.upstream.read_cache import CacheKey, ReadCache
from cachelib import SimpleCache
from types import SimpleNamespace

cache = ReadCache(SharedCache(SimpleCache()), SystemClock(), final_ttl=60)
question = CacheKey(APP, SimpleNamespace(job_id=7), "run:1")
asking, may_answer = threading.Event(), threading.Event()

def ask():
    asking.set()
    may_answer.wait(30)
    return {}

thread = threading.Thread(target=cache.read, args=(question, ask, bool))
thread.start()
asking.wait(30)
child = os.fork()
if child == 0:
    os._exit(0 if cache.read(question, lambda: {"a": 1}, bool).value == {"a": 1} else 1)
may_answer.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_waits_for_no_read_of_its_parents() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], timeout=60, check=False)
    assert done.returncode == 0


def test_a_failed_read_is_not_kept(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["never"].run_now().run_id
    fault_proxy.fail(Refusal(403), path="runs/get", times=1)

    assert not current_jobs["never"].results.get_run(run_id).ok
    assert current_jobs["never"].results.get_run(run_id).ok


def test_what_the_extension_changes_is_seen_at_once(run_gate: RunGate) -> None:
    handle = current_jobs["gated"]
    for _ in range(3):
        run_id = handle.run_now(run_gate.params).run_id
        last = handle.last_run()
        assert last is not None
        assert last.run_id == run_id
    assert handle.get_run(run_id).state is not None

    handle.cancel_run(run_id)

    state = handle.get_run(run_id).state
    assert state is not None
    assert state.life_cycle_state is not None
    assert state.life_cycle_state.value in ("TERMINATING", "TERMINATED")
    run_gate.open()


def test_what_a_watch_has_seen_serves_reads(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["quick"].run_now().run_id
    current_jobs["quick"].wait(run_id)
    looks = len(fault_proxy.find_requests("GET", "runs/get"))

    assert current_jobs["quick"].get_run(run_id).end_time

    assert len(fault_proxy.find_requests("GET", "runs/get")) == looks


class TestWithTheWorkspaceDown:
    @pytest.fixture
    def down(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> Iterator[tuple[Flask, int]]:
        """An app that has read a run before its workspace broke, and the run."""
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1)
        with app.app_context():
            run_id = current_jobs["gated"].run_now(run_gate.params).run_id
            path = f"/api/jobs/gated/runs/{run_id}"
            client = app.test_client()
            assert "Cache-Status" not in client.get(path).headers
            fault_proxy.fail(Drop())
            # It is served as fresh for a moment, then the workspace is asked.
            wait_until(lambda: "Cache-Status" in client.get(path).headers, "a stale answer")
            yield app, run_id

    def test_http_shows_the_last_known_state_and_says_so(self, down: tuple[Flask, int]) -> None:
        app, run_id = down
        client: FlaskClient = app.test_client()

        response = client.get(f"/api/jobs/gated/runs/{run_id}")

        assert response.status_code == 200
        assert response.get_json()["run_id"] == run_id
        assert "ttl=-" in response.headers["Cache-Status"]

    def test_what_was_never_read_is_503(self, down: tuple[Flask, int]) -> None:
        app, _ = down

        assert app.test_client().get("/api/jobs/gated/runs").status_code == 503

    def test_python_is_told_that_it_failed(self, down: tuple[Flask, int]) -> None:
        _, run_id = down

        with pytest.raises(UpstreamError):
            current_jobs["gated"].get_run(run_id)

    def test_it_is_fresh_again_when_the_workspace_is_back(
        self, down: tuple[Flask, int], fault_proxy: FaultyWorkspace
    ) -> None:
        app, run_id = down
        client = app.test_client()
        fault_proxy.clear_faults()

        assert wait_until(
            lambda: "Cache-Status" not in client.get(f"/api/jobs/gated/runs/{run_id}").headers,
            "a fresh answer",
        )
