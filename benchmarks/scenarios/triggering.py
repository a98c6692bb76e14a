"""Triggers while connections break and the workspace refuses."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException

from ..bench import Bench, appkit, bare_sdk, ours
from ..report import Row
from ..servers import Server, ask, gunicorn, node
from ..workspace import Workspace

#: Triggers at the same time.
AT_ONCE = 16

GTHREAD = ("-k", "gthread", "--threads", str(AT_ONCE))


@dataclass(frozen=True)
class Account:
    """The results of the triggers.

    :param reported: how many were answered with a run.
    :param started: runs in the workspace.
    :param orphans: runs that no client knows of.
    :param duplicates: runs beyond one a trigger.
    """

    asked: int
    reported: int
    started: int
    orphans: int
    duplicates: int

    @property
    def text(self) -> str:
        return (
            f"{self.started} runs, {self.reported} reported, {self.orphans} orphans,"
            f" {self.duplicates} duplicates"
        )

    @property
    def is_right(self) -> bool:
        return (self.started, self.reported, self.orphans, self.duplicates) == (
            self.asked,
            self.asked,
            0,
            0,
        )


def triggering(bench: Bench) -> list[Row]:
    """Measure many triggers, with faults."""
    count = bench.choose(1000, 60)
    mixes = {
        "20 % of the connections dropped after acceptance": {"drop": 0.2},
        "the same with 10 % 429 and 10 % 503 on top": {
            "drop": 0.2,
            "too_many": 0.1,
            "unavailable": 0.1,
        },
    }
    rows = []
    for what, faults in mixes.items():
        with Workspace() as workspace:
            for job_id, token in enumerate(("ours", "appkit", "sdk"), 1):
                workspace.add_job(job_id, 3600)
                workspace.let_fail(token, **faults)
            with gunicorn("ours", *GTHREAD, environ=ours(workspace, "ours", {"etl": 1})) as server:
                mine = _account(server, "/api/jobs/etl/run", count, workspace, 1)
            with gunicorn("bare_sdk", *GTHREAD, environ=bare_sdk(workspace, "sdk", 3)) as server:
                bare = _account(server, "/run", count, workspace, 3)
            environ = appkit(workspace, "appkit", {"etl": 2})
            with node(bench.peers, "appkit.mjs", environ=environ) as server:
                theirs = _account(server, "/api/jobs/etl/run", count, workspace, 2)
        rows.append(
            Row(
                f"{count:,} triggers, {what}",
                f"`POST …/run`, {AT_ONCE} at a time, each once and with a number of its own, which"
                " distinguishes the runs in the workspace; the faults are drawn with the same seed"
                " for all. A 429 asks for a second's pause. The bare SDK: in a plain Flask view.",
                mine.text,
                f"{count} runs, {count} reported, no orphan, no duplicate",
                mine.is_right,
                f"{theirs.text} (AppKit); {bare.text} (bare SDK)",
            )
        )
    return rows


def _account(server: Server, path: str, count: int, workspace: Workspace, job_id: int) -> Account:
    def trigger(number: int) -> int | None:
        body = json.dumps({"params": {"number": str(number)}})
        try:
            status, _, answer = ask(server.port, path, method="POST", body=body, timeout=150)
        except (OSError, HTTPException):
            return None
        return int(json.loads(answer)["runId"]) if status == 200 else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(trigger, range(count)))
    reported = {run for run in answers if run is not None}
    runs = workspace.runs(job_id)
    numbers = Counter(run.parameters["notebook_params"]["number"] for run in runs)
    return Account(
        asked=count,
        reported=sum(answer is not None for answer in answers),
        started=len(runs),
        orphans=sum(run.run_id not in reported for run in runs),
        duplicates=sum(numbers.values()) - len(numbers),
    )
