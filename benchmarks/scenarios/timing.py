"""The schedule of polls: how late updates are, and how many reads they take."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databricks.sdk.service.jobs import BaseRun, Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import RunStatus
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import PollSettings
from flask_lakeflow_jobs.watching.watched_run import RunKey

from ..bench import Bench, appkit, ours
from ..clients.viewers import Viewer, follow_all
from ..report import Row
from ..servers import Server, gunicorn, node, node_program
from ..stats import mean, s
from ..workspace import Workspace

#: Seconds: AppKit's first and its longest delay between two polls.
PEER_INTERVAL, PEER_CEILING = 5.0, 30.0

#: Seconds from the end of a simulated run to the start of the next.
BETWEEN = 60.0

PAST = 25


@dataclass(frozen=True)
class Lengths:
    """How long the runs of a job take.

    :param what: said.
    :param shortest: seconds.
    :param longest: seconds.
    :param target: seconds that news may be late on average; ``None``: as late as the peer's.
    """

    what: str
    shortest: float
    longest: float
    target: float | None


ALL_LENGTHS = (
    Lengths("a job with history that takes 30 s ± 20 %", 24, 36, 2.0),
    Lengths("the same at 10 s ± 20 %", 8, 12, 1.2),
    Lengths("lengths nobody can foresee (uniform 2–60 s)", 2, 60, None),
)


@dataclass(frozen=True)
class Outcome:
    """What the watches of some runs came to.

    :param delay: seconds from the end to the news of it, on average.
    :param reads: upstream, a run.
    """

    delay: float
    reads: float

    @property
    def said(self) -> str:
        return f"{s(self.delay)} at {self.reads:.2f} reads"


def timing(bench: Bench) -> list[Row]:
    """Delay and reads, of simulated runs and of real ones.

    :param bench: the run.
    """
    count, real = bench.choose((1000, 100), (100, 3))
    rows = []
    for lengths in ALL_LENGTHS:
        draw = random.Random(3)
        drawn = [draw.uniform(lengths.shortest, lengths.longest) for _ in range(count)]
        rows.append(
            _row(
                f"{lengths.what}: mean delay from end to event, reads a run",
                f"{count:,} runs one after the other, {BETWEEN:g} s between them, {PAST} before"
                " them, on a clock that is passed in: the extension's hub with `POLL_INTERVAL` = 30"
                " against the code of AppKit's `runAndWait`, run on the same lengths. Reads for the"
                " history count.",
                lengths,
                simulate(drawn, lengths),
                simulate_peer(bench.peers, drawn),
            )
        )
    for lengths, mine, theirs in _really(bench, real):
        rows.append(
            _row(
                f"{lengths.what}, in real time",
                f"{real} runs at the same time, one a job, each started and followed by one"
                " `POST …/run?stream=true` on either side. The one read for the history, which"
                " serves the runs of ten minutes, is not counted.",
                lengths,
                mine,
                theirs,
            )
        )
    return rows


def _row(what: str, how: str, lengths: Lengths, mine: Outcome, theirs: Outcome) -> Row:
    latest = theirs.delay if lengths.target is None else lengths.target
    target = f"≤ {s(latest)}" if lengths.target else "no later than the peer"
    return Row(
        what,
        how,
        mine.said,
        f"{target}, at no more reads",
        mine.delay <= latest and mine.reads <= theirs.reads,
        theirs.said,
        mine.delay / theirs.delay,
    )


# ── simulated ─────────────────────────────────────────────────────────────────────────────────────


class ManualClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Simulation:
    """A workspace without HTTP: what the hub reads from.

    :param clock: the time.
    :param past: seconds that runs took before.
    """

    def __init__(self, clock: ManualClock, past: Sequence[float]) -> None:
        self.clock = clock
        self.reads = 0
        before = clock.time - 3600.0
        self._ended = [self._spelled(number, before, length) for number, length in enumerate(past)]
        self._going = (0, 0.0, 0.0)

    def start(self, run_id: int, length: float) -> None:
        self._going = (run_id, self.clock.time, length)

    def end(self) -> None:
        self._ended.append(self._spelled(*self._going))

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        self.reads += 1
        document = self._spelled(*self._going)
        return ApiResponse(document, Run.from_dict(document))

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        raise NotImplementedError("one run at a time")

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        self.reads += 1
        return [BaseRun.from_dict(run) for run in self._ended[-PAST:]]

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        raise NotImplementedError("one process")

    def _spelled(self, run_id: int, start: float, length: float) -> dict[str, Any]:
        run: dict[str, Any] = {
            "run_id": run_id,
            "job_id": 1,
            "start_time": int(start * 1000),
            "state": {"life_cycle_state": "RUNNING"},
        }
        if self.clock.time >= start + length:
            run["state"] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
            run["end_time"] = int((start + length) * 1000)
            run["run_duration"] = run["execution_duration"] = int(length * 1000)
        return run


def simulate(drawn: Sequence[float], lengths: Lengths) -> Outcome:
    """Watch runs with the extension's hub.

    :param drawn: how long they take, in seconds.
    :param lengths: of the runs before them.
    """
    draw = random.Random(5)
    clock = ManualClock()
    past = [draw.uniform(lengths.shortest, lengths.longest) for _ in range(PAST)]
    simulation = Simulation(clock, past)
    hub = Hub(
        simulation,
        lambda run_key, status: None,
        SharedCache(SimpleCache()),
        clock,
        PollSettings(poll_interval=PEER_CEILING, terminal_ttl=60.0),
        spawn=None,
    )
    job = Job("etl", 1, None, None, 600.0, "app", None, None)
    delays = []
    for run_id, length in enumerate(drawn, 1000):
        simulation.start(run_id, length)
        end = clock.time + length
        subscription = hub.subscribe(RunKey(APP, job, run_id))
        while True:
            delay = hub.step()
            subscription.collect()
            if subscription.is_finished:
                break
            clock.sleep(delay)
        subscription.close()
        delays.append(clock.time - end)
        simulation.end()
        clock.sleep(BETWEEN)
    return Outcome(mean(delays), simulation.reads / len(drawn))


def simulate_peer(folder: Path, drawn: Sequence[float]) -> Outcome:
    """Watch runs with AppKit's code.

    :param folder: where it is installed.
    :param drawn: how long they take, in seconds.
    """
    done = subprocess.run(
        [node_program(folder, 22), "poller.mjs"],
        cwd=folder,
        input=json.dumps({"interval": PEER_INTERVAL, "lengths": drawn}),
        capture_output=True,
        text=True,
        check=True,
    )
    results = json.loads(done.stdout)
    return Outcome(
        mean([result["delay"] for result in results]), mean([result["reads"] for result in results])
    )


# ── real ──────────────────────────────────────────────────────────────────────────────────────────


def _really(bench: Bench, count: int) -> list[tuple[Lengths, Outcome, Outcome]]:
    jobs = {f"job{number}": number for number in range(1, count + 1)}
    with contextlib.ExitStack() as stack:
        watched = []
        for lengths in ALL_LENGTHS:
            workspace = stack.enter_context(Workspace())
            for job_id in jobs.values():
                workspace.add_job(job_id, lengths.shortest, lengths.longest, past=PAST)
            environ = ours(workspace, "ours", jobs, POLL_INTERVAL=PEER_CEILING)
            mine = stack.enter_context(
                gunicorn("ours", "-k", "gthread", "--threads", "16", environ=environ)
            )
            theirs = stack.enter_context(
                node(bench.peers, "appkit.mjs", environ=appkit(workspace, "appkit", jobs))
            )
            watched.append((lengths, workspace, _viewers(mine, jobs), _viewers(theirs, jobs)))
        everybody = [viewer for *_, mine, theirs in watched for viewer in [*mine, *theirs]]
        asyncio.run(follow_all(everybody, 60 + PEER_CEILING + 15))
        return [
            (lengths, _outcome(workspace, "ours", mine), _outcome(workspace, "appkit", theirs))
            for lengths, workspace, mine, theirs in watched
        ]


def _viewers(server: Server, jobs: dict[str, int]) -> list[Viewer]:
    return [
        Viewer(server.port, f"/api/jobs/{key}/run?stream=true", "POST", comes_back=False)
        for key in jobs
    ]


def _outcome(workspace: Workspace, token: str, viewers: Sequence[Viewer]) -> Outcome:
    delays = [
        viewer.ends[0].at - json.loads(viewer.ends[0].data)["run"]["end_time"] / 1000
        if viewer.ends
        else float("inf")
        for viewer in viewers
    ]
    return Outcome(mean(delays), workspace.asked(token)["jobs/runs/get"] / len(viewers))
