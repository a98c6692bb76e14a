"""Cached reads of a job: few requests, and never stale without saying so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunForEachTask, RunTask, Task
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import UpstreamError, UpstreamTimeout, current_jobs
from flask_lakeflow_jobs.reader import cached_reads_of
from flask_lakeflow_jobs.state import EXTENSION_KEY
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace
from flask_lakeflow_jobs.upstream.response_store import CacheKey
from tests.conftest import MakeApp
from tests.support import DEADLINE, RunGate, wait_until

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.mark.parametrize(("cache_ttl", "expected"), [(60, 1), (0, 3)])
def test_ended_run_is_requested_once_unless_the_cache_is_off(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, cache_ttl: int, expected: int
) -> None:
    with make_app(LAKEFLOW_JOBS_CACHE_TTL=cache_ttl).app_context():
        run_id = current_jobs["never"].run_now().run_id
        runs = [current_jobs["never"].get_run(run_id) for _ in range(3)]

    assert {run.run_id for run in runs} == {run_id}
    assert len(fault_proxy.find_requests("GET", "runs/get")) == expected


def test_active_run_is_never_served_for_long(run_gate: RunGate) -> None:
    """Continuous reads do not keep an old response alive."""
    run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    assert current_jobs["gated"].get_run(run_id).end_time == 0
    run_gate.open()

    assert wait_until(lambda: current_jobs["gated"].get_run(run_id).end_time, "its end")


def test_polled_run_is_served_to_reads(fault_proxy: FaultyWorkspace) -> None:
    run_id = current_jobs["quick"].run_now().run_id
    current_jobs["quick"].wait(run_id)
    polls = len(fault_proxy.find_requests("GET", "runs/get"))

    assert current_jobs["quick"].get_run(run_id).end_time

    assert len(fault_proxy.find_requests("GET", "runs/get")) == polls


def test_concurrent_reads_take_no_longer_than_the_thread_may(app: Flask) -> None:
    """A sync worker of gunicorn is killed with a request that takes too long."""
    app.extensions[EXTENSION_KEY].upstream.call_resources.get_max_timeout = lambda: 0.1
    ends = threading.Event()
    with pytest.raises(UpstreamTimeout, match=r"within 0\.1 seconds"):
        cached_reads_of(current_jobs["quick"]).run_concurrently(ends.wait, [DEADLINE])
    ends.set()


def test_search_for_an_iteration_takes_no_longer_than_one_read(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id may be made up, so that all loops of the run are read."""
    app.extensions[EXTENSION_KEY].upstream.call_resources.get_max_timeout = lambda: 0.1
    reads, ends = cached_reads_of(current_jobs["repeated"]), threading.Event()
    monkeypatch.setattr(reads, "read_iterations", lambda loop: [ends.wait(DEADLINE)][1:])
    body = RunForEachTask("[]", Task("body"))
    loops = [RunTask(f"loop_{number}", for_each_task=body, run_id=number) for number in (1, 2)]
    with pytest.raises(UpstreamTimeout, match="2 responses"):
        reads.find_attempt_or_iteration(loops, 3)
    ends.set()


class TestWithoutWorkspace:
    @pytest.fixture
    def disconnected(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> Iterator[tuple[Flask, int]]:
        """An app whose workspace failed after it read a run and a list, and the run's id."""
        app = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1)
        with app.app_context():
            run_id = current_jobs["gated"].run_now(run_gate.params).run_id
            path = f"/api/jobs/gated/runs/{run_id}"
            client = app.test_client()
            assert client.get("/api/jobs/gated/status").status_code == 200
            assert "Cache-Status" not in client.get(path).headers
            fault_proxy.fail(Drop())
            # The response is served as fresh for a moment, then the workspace is polled.
            wait_until(lambda: "Cache-Status" in client.get(path).headers, "a stale response")
            yield app, run_id

    def test_http_serves_the_cached_run_as_stale(self, disconnected: tuple[Flask, int]) -> None:
        app, run_id = disconnected
        client: FlaskClient = app.test_client()
        for name in ("status", "runs?limit=1", f"runs/{run_id}/actions"):
            assert client.get(f"/api/jobs/gated/{name}").status_code == 200, name

        response = client.get(f"/api/jobs/gated/runs/{run_id}")

        assert response.status_code == 200
        assert response.get_json()["run_id"] == run_id
        assert "ttl=-" in response.headers["Cache-Status"]

    def test_http_responds_503_without_a_cached_response(
        self, disconnected: tuple[Flask, int]
    ) -> None:
        app, _ = disconnected

        assert app.test_client().get("/api/jobs/gated/runs").status_code == 503

    def test_python_raises_instead_of_serving_stale(self, disconnected: tuple[Flask, int]) -> None:
        _, run_id = disconnected

        with pytest.raises(UpstreamError):
            current_jobs["gated"].get_run(run_id)

    def test_http_serves_fresh_when_the_workspace_recovers(
        self, disconnected: tuple[Flask, int], fault_proxy: FaultyWorkspace
    ) -> None:
        app, run_id = disconnected
        client = app.test_client()
        fault_proxy.clear_faults()

        assert wait_until(
            lambda: "Cache-Status" not in client.get(f"/api/jobs/gated/runs/{run_id}").headers,
            "a fresh response",
        )


def test_lists_of_a_period_are_not_cached(fault_proxy: FaultyWorkspace, app: Flask) -> None:
    """Anybody could fill the cache with pages of a history from made-up places."""
    stored: list[str] = []
    cache = app.extensions[EXTENSION_KEY].upstream.cache
    original = cache.store

    def record(key: CacheKey, *args: Any, **kwargs: Any) -> Any:
        stored.append(key.resource)
        return original(key, *args, **kwargs)

    cache.store = record
    for moment in range(3):
        current_jobs["never"].list_runs(start_time_to=moment)
        current_jobs["never"].list_runs(start_time_from=moment)
    assert len(fault_proxy.find_requests("GET", "runs/list")) == 6
    assert stored == []
    current_jobs["never"].list_runs()
    assert stored == ["runs:20:{}"]


def test_caller_may_change_what_a_read_returned() -> None:
    run_id = current_jobs["never"].run_now().run_id
    first = current_jobs["never"].get_run(run_id)
    assert first.tasks
    assert first.tasks[0].spark_python_task
    first.tasks[0].spark_python_task.parameters = ["changed"]
    first.tasks.clear()
    again = current_jobs["never"].get_run(run_id)
    assert again.tasks
    assert again.tasks[0].as_dict().get("spark_python_task", {}).get("parameters") != ["changed"]
