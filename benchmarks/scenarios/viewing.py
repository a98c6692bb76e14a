"""A run of many tasks in a browser: the size of its updates, and how responsive the page is."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from flask_lakeflow_jobs.local import Workspace, load_bundle

from ..bench import Bench
from ..clients.browser import opened
from ..report import Row
from ..servers import ask, gunicorn, warm
from ..stats import s

#: Seconds that a task takes.
SECONDS = 2.0

#: Tasks that start together.
WIDTH = 10

TIMEOUT_MS = 300_000

#: Bytes that the updates of one viewer may have.
MAX_BYTES = 300_000

MAX_LONG_TASK_MS = 100.0


def viewing(bench: Bench) -> list[Row]:
    """Show a run of 200 tasks, which ten at a time take 40 s, in Chromium."""
    count = bench.choose(200, 20)
    with tempfile.TemporaryDirectory() as folder:
        bundle = _write_bundle(Path(folder), count)
        job_id = load_bundle(bundle).jobs["big"].job_id
        with Workspace(bundle, Path(folder) / "workspace") as workspace:
            environ = {
                "DATABRICKS_HOST": workspace.host,
                "DATABRICKS_TOKEN": workspace.token,
                "LAKEFLOW_JOBS": json.dumps({"big": {"job_id": job_id, "task_type": "job"}}),
                "LAKEFLOW_JOBS_CONSOLE": "true",
                "LAKEFLOW_JOBS_POLL_INTERVAL": "1",
            }
            options = ("-w", "2", "-k", "gthread", "--threads", "8")
            with gunicorn("ours", *options, environ=environ) as server:
                warm(server, "/api/jobs/big/status")
                _, _, body = ask(server.port, "/api/jobs/big/run", method="POST", body="{}")
                run = f"{server.url}/jobs/big/runs/{json.loads(body)['runId']}"
                return _view(run, count)


def _view(run: str, count: int) -> list[Row]:
    with opened() as (page, traffic):
        page.goto(run)
        page.wait_for_selector(
            "[data-part=meta][data-over=yes]", state="attached", timeout=TIMEOUT_MS
        )
        page.wait_for_timeout(1_000)  # for the end of the stream
    sizes = {name: traffic.received[name] for name in ("live", "stream")}
    total, longest = sum(sizes.values()), max(traffic.tasks, default=float("nan"))
    how = (
        f"Two gunicorn workers without a shared cache; {WIDTH} tasks at a time take {s(SECONDS)};"
        " the app polls every second; counted by Chromium's DevTools protocol, with headers."
    )
    return [
        Row(
            f"bytes that the updates of one viewer have, over a run of {count} tasks",
            how,
            f"{total / 1000:.0f} KB ({sizes['live'] / 1000:.0f} KB in {traffic.requests['live']}"
            f" updates, {sizes['stream'] / 1000:.0f} KB in events)",
            f"≤ {MAX_BYTES / 1000:.0f} KB",
            total <= MAX_BYTES,
        ),
        Row(
            "the longest task of the page's main thread meanwhile",
            "Processor time in a trace of Chromium's DevTools protocol, the page's load included.",
            f"{longest:.0f} ms ({sum(each > 50 for each in traffic.tasks)} of more than 50 ms)",
            f"≤ {MAX_LONG_TASK_MS:.0f} ms",
            longest <= MAX_LONG_TASK_MS,
        ),
    ]


def _write_bundle(folder: Path, count: int) -> Path:
    tasks = [
        {
            "task_key": f"task_{at:03}",
            "notebook_task": {"notebook_path": "note.py"},
            "depends_on": [
                {"task_key": f"task_{other:03}"}
                for other in (at - WIDTH, at - WIDTH - 3)
                if other >= 0
            ],
        }
        for at in range(count)
    ]
    simulation = json.dumps({"seconds": SECONDS})
    job = {"name": "big", "tags": {"local_simulation": simulation}, "tasks": tasks}
    document = {"bundle": {"name": "viewing"}, "resources": {"jobs": {"big": job}}}
    (folder / "note.py").write_text("# Databricks notebook source\n")
    path = folder / "databricks.yml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path
