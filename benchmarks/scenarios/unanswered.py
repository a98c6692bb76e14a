"""Triggers whose process is killed between the request and the response."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, current_jobs
from flask_lakeflow_jobs.clock import SystemClock

from ..bench import Bench
from ..report import Row
from ..servers import TIMEOUT_SECONDS, NotInstalled
from ..workspace import Workspace
from .recording import _open_record, _postgres

TOKEN = "unanswered"  # noqa: S105

#: Seconds after which the workspace would respond. No process lives so long.
DELAY = 2 * TIMEOUT_SECONDS

#: One kill in so many comes at any time in the first moments of a process, not after the request.
EARLY_KILLS, EARLY_SECONDS = 4, 0.25

#: After so long, a request that has no response will not get one.
SETTLED_SECONDS = 600.0


class LateClock(SystemClock):
    """The clock of a process that starts after requests are settled."""

    def now(self) -> float:
        return super().now() + SETTLED_SECONDS


def unanswered(bench: Bench) -> list[Row]:
    """Count the rows that kills leave open, and how the next start resolves them."""
    count = bench.choose(200, 20)
    rows = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"SQLite": f"sqlite:///{folder}/record.sqlite3"}
        with contextlib.suppress(NotInstalled):
            urls["Postgres"] = stack.enter_context(_postgres())
        rows += [_measure(name, url, folder, count) for name, url in urls.items()]
    return rows


def _measure(name: str, url: str, folder: Path, count: int) -> Row:
    import databricks.sdk.service.jobs  # noqa: F401  # the processes start with it loaded

    from flask_lakeflow_jobs.maintenance import Maintenance

    record = _open_record(url, folder)
    record.database.close()
    with Workspace() as workspace:
        workspace.add_job(1, 0.0)
        workspace.let_fail(TOKEN, delay=DELAY)
        for number in range(count):
            _kill_trigger(workspace, url, number)
        workspace.let_fail(TOKEN)
        is_open = sum(run.state.value == "requested" for run in record.list_runs(limit=count))
        state = _create_app(workspace, url, LateClock()).extensions["lakeflow_jobs"]
        Maintenance(state, state.record).resolve_requests()
        started = {run.parameters["notebook_params"]["number"]: run for run in workspace.runs(1)}
    recorded = record.list_runs(limit=count)
    record.database.close()
    found = right = 0
    for run in recorded:
        expected = started.get(json.loads(run.params or "")["notebook_params"]["number"])
        found += run.run_id is not None
        if expected is None:
            right += (run.run_id, run.state.value) == (None, "not_started")
        else:
            right += run.run_id == expected.run_id
    unknown = len({run.run_id for run in started.values()} - {run.run_id for run in recorded})
    return Row(
        f"{count} triggers whose process is killed before the response: {name}",
        "A process for each trigger, killed by SIGKILL when the workspace has the request, which it"
        f" never answers; one in {EARLY_KILLS} is killed up to {EARLY_SECONDS} s after its fork,"
        " often before its row or its request. Then a process starts, when all requests are"
        " settled.",
        f"{is_open} rows open; {found} resolved to their run, {len(recorded) - found} to “not"
        f" started”; {len(recorded) - right} wrong; {unknown} of {len(started)} runs unknown",
        "each row right, no run unknown",
        right == len(recorded) == is_open and unknown == 0,
    )


def _create_app(workspace: Workspace, url: str, clock: SystemClock) -> Flask:
    app = Flask(__name__)
    app.config.update(
        DATABRICKS_HOST=workspace.host,
        DATABRICKS_TOKEN=TOKEN,
        LAKEFLOW_JOBS_RECORD_URL=url,
        LAKEFLOW_JOBS_WARM_UP=False,
    )
    LakeflowJobs(app, jobs={"etl": {"job_id": 1, "task_type": "notebook"}}, clock=clock)
    return app


def _kill_trigger(workspace: Workspace, url: str, number: int) -> None:
    """Start a run in a process of its own, and kill the process before the response."""
    before = _count_triggers(workspace)
    pid = os.fork()
    if pid == 0:
        try:
            app = _create_app(workspace, url, SystemClock())
            with app.app_context():
                current_jobs["etl"].run_now({"number": str(number)})
        finally:
            os._exit(1)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    if number % EARLY_KILLS == 0:
        time.sleep(random.Random(number).uniform(0, EARLY_SECONDS))
    else:
        while _count_triggers(workspace) == before and time.monotonic() < deadline:
            time.sleep(0.003)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _count_triggers(workspace: Workspace) -> int:
    return workspace.asked(TOKEN).get("jobs/run-now", 0)
