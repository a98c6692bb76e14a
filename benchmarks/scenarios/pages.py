"""Processor time of pages and cached reads, in this process and without a workspace."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.state import EXTENSION_KEY
from flask_lakeflow_jobs.upstream.response_store import CacheKey

from ..bench import Bench
from ..report import Row
from ..stats import median, ms

RUN, START = 1001, 1_764_000_000_000

#: Which tasks the task at a place waits for.
SHAPES: Mapping[str, Callable[[int, int], list[int]]] = {
    "a chain": lambda at, count: [at - 1] if at else [],
    "a chain and a last task after all": lambda at, count: (
        list(range(at)) if at == count - 1 else [at - 1] if at else []
    ),
    "each after all before": lambda at, count: list(range(at)),
    "two layers": lambda at, count: list(range(count // 2)) if at >= count // 2 else [],
}


class StoppedClock:
    """A clock that does not advance, so that cached responses stay fresh."""

    def now(self) -> float:
        return START / 1000 + 3600

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("Nothing waits here.")


def pages(bench: Bench) -> list[Row]:
    """Measure the page of a run, its updates and cached reads."""
    tries = bench.choose(30, 5)
    app = Flask("pages", instance_path=tempfile.mkdtemp())
    app.config.update(DATABRICKS_HOST="http://127.0.0.1:9", LAKEFLOW_JOBS_CONSOLE=True)
    LakeflowJobs(app, jobs={"etl": {"job_id": 7}}, clock=StoppedClock())
    app.add_url_rule("/empty", view_func=dict, endpoint="empty")
    page, update = f"/jobs/etl/runs/{RUN}", f"/jobs/etl/runs/{RUN}/live"
    rows = []
    _store(app, 1, SHAPES["a chain"])
    _cpu(app, page)  # loads the SDK and the templates
    for name, before in SHAPES.items():
        _store(app, 200, before)
        gc.collect()  # what earlier pages have left belongs to them
        first = _cpu(app, page)
        changed = [_cpu_of_update(app, update, 200, before, at) for at in range(tries)]
        rows.append(_row(f"the page of a run of 200 tasks, {name}", first, 0.150))
        rows.append(_row(f"an update of that page, {name}", median(changed), 0.020))
    chain = SHAPES["a chain"]
    changed = [_cpu_of_update(app, update, 1000, chain, at) for at in range(tries)]
    rows.append(_row("an update of the page of a run of 1,000 tasks", median(changed[1:]), 0.040))
    again = median([_cpu(app, f"/api/jobs/etl/runs/{RUN}") for _ in range(tries)])
    rows.append(_row("a repeated read of a run of 1,000 tasks", again, 0.003))
    _store(app, 3, chain)
    turns = [(_call(app, "/api/jobs/etl/status"), _call(app, "/empty")) for _ in range(20 * tries)]
    ratio = min(status for status, _ in turns) / min(empty for _, empty in turns)
    rows.append(
        Row(
            "a cached status of an active run, relative to an empty view of the same app",
            "By turns in one process; the quickest of each.",
            f"{ratio:.2f}",
            "≤ 1.3",
            ratio <= 1.3,
        )
    )
    return rows


def _row(what: str, seconds: float, target: float) -> Row:
    how = "Processor time in process, from cached documents; half of the tasks have ended."
    return Row(what, how, ms(seconds), f"≤ {ms(target)}", seconds <= target)


def _cpu(app: Flask, path: str) -> float:
    client = app.test_client()
    began = time.process_time()
    response = client.get(path)
    took = time.process_time() - began
    assert response.status_code == 200, response.text[:500]
    return took


def _call(app: Flask, path: str, count: int = 20) -> float:
    """Return the processor time of a request without a client."""
    environ = EnvironBuilder(path).get_environ()
    began = time.process_time()
    for _ in range(count):
        list(app.wsgi_app(dict(environ), lambda status, headers, error=None: lambda _: None))
    return (time.process_time() - began) / count


def _cpu_of_update(
    app: Flask, path: str, count: int, before: Callable[[int, int], list[int]], at: int
) -> float:
    """Return the processor time of a page after one more task has ended."""
    _store(app, count, before, ended=count // 2 + at)
    return _cpu(app, path)


def _store(
    app: Flask, count: int, before: Callable[[int, int], list[int]], ended: int | None = None
) -> None:
    """Put an active run into the app's cache, as a poll would."""
    state = app.extensions[EXTENSION_KEY]
    ended = count // 2 if ended is None else ended
    run = {
        "job_id": 7,
        "run_id": RUN,
        "state": {"life_cycle_state": "RUNNING"},
        "start_time": START,
        "tasks": [_task(at, before(at, count), ended) for at in range(count)],
    }
    job, cache = state.settings.jobs["etl"], state.upstream.cache
    stored = {f"run:{RUN}": run, "runs:1:{}": [run], "runs:20:{}": [], "job": {"job_id": 7}}
    for resource, value in stored.items():
        key = CacheKey(APP, job, resource)
        cache.store(key, cache.begin_read(job), value, is_final=False)


def _task(at: int, before: list[int], ended: int) -> dict[str, Any]:
    state: dict[str, Any] = {"life_cycle_state": "BLOCKED"}
    if at < ended:
        state = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    elif at < ended + 4:
        state = {"life_cycle_state": "RUNNING"}
    return {
        "run_id": 5000 + at,
        "task_key": f"task_{at}",
        "attempt_number": 0,
        "depends_on": [{"task_key": f"task_{other}"} for other in before],
        "notebook_task": {"notebook_path": f"/Workspace/Shared/project/task_{at}"},
        "run_page_url": f"https://workspace.example.com/?o=1#job/7/run/{5000 + at}",
        "state": state,
        "start_time": START + 1000 * at if at < ended + 4 else 0,
        "end_time": START + 1000 * at + 900 if at < ended else 0,
        "execution_duration": 900 if at < ended else 0,
    }
