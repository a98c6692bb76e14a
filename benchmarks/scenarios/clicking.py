"""The first trigger of a process, whose user has just loaded a page."""

from __future__ import annotations

import time

from ..bench import Bench, ours
from ..report import Row
from ..servers import ask, gunicorn
from ..stats import median, s
from ..workspace import Workspace

#: Seconds that the workspace takes for each answer.
WORKSPACE_SECONDS = 0.05

#: Seconds from the page to the click.
READING_SECONDS = 3.0

MAX_EXTRA_SECONDS = 0.2


def first_click(bench: Bench) -> list[Row]:
    """Measure ten triggers after the first page of a new process."""
    rounds = bench.choose(7, 1)
    firsts, tenths = [], []
    with Workspace() as workspace:
        workspace.add_job(1, 0)
        workspace.let_fail("ours", delay=WORKSPACE_SECONDS)
        environ = ours(workspace, "ours", {"etl": 1})
        for _ in range(rounds):
            with gunicorn("ours", "-k", "gthread", "--threads", "8", environ=environ) as server:
                ask(server.port, "/api/jobs")
                time.sleep(READING_SECONDS)
                seconds = [_trigger(server.port) for _ in range(10)]
            firsts.append(seconds[0])
            tenths.append(seconds[-1])
    first, tenth = median(firsts), median(tenths)
    return [
        Row(
            "the first trigger of a process against its tenth",
            f"The user loads a page, and clicks {READING_SECONDS:g} s later; the workspace takes"
            f" {WORKSPACE_SECONDS * 1000:g} ms; gthread, medians of {rounds} new processes.",
            f"{s(first)}, then {s(tenth)}",
            f"≤ {MAX_EXTRA_SECONDS:g} s more",
            first - tenth <= MAX_EXTRA_SECONDS,
        )
    ]


def _trigger(port: int) -> float:
    began = time.perf_counter()
    status, _, body = ask(port, "/api/jobs/etl/run", method="POST", body="{}")
    if status != 200:
        raise RuntimeError(f"a trigger was answered with {status}: {body!r}")
    return time.perf_counter() - began
