"""The schedule of polls: how late updates are, and how many reads they take."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from databricks.sdk.service.jobs import BaseRun, Run
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import RunStatus
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import PollSettings
from flask_lakeflow_jobs.watching.source import RunSource
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.watching.simulated_jobs import SimulatedJob

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

#: Runs of each simulated job of several tasks.
RUNS = 4

#: Seconds by which a poll may come before the change that it finds: times are rounded.
TOLERANCE = 0.001


@dataclass(frozen=True)
class Lengths:
    """The durations of the runs of a job.

    :param what: in words.
    :param shortest: seconds.
    :param longest: seconds.
    :param target: seconds that an update may be late on average; ``None``: as late as the peer's.
    """

    what: str
    shortest: float
    longest: float
    target: float | None

    def draw(self, count: int, seed: int) -> list[Length]:
        """Return random runs.

        :param seed: the same seed gives the same runs.
        """
        draw = random.Random(seed)
        return [Length(draw.uniform(self.shortest, self.longest)) for _ in range(count)]


ALL_LENGTHS = (
    Lengths("a job with history that takes 30 s ± 20 %", 24, 36, 2.0),
    Lengths("the same at 10 s ± 20 %", 8, 12, 1.2),
    Lengths("unpredictable lengths (uniform 2–60 s)", 2, 60, None),
)


@dataclass(frozen=True)
class Outcome:
    """The results of watching some runs.

    :param delay: seconds from the end to the poll that finds it, on average.
    :param reads: upstream, a run.
    """

    delay: float
    reads: float

    @property
    def text(self) -> str:
        return f"{s(self.delay)} at {self.reads:.2f} reads"


TASKS_TARGET = Outcome(9.5, 50.0)


def timing(bench: Bench) -> list[Row]:
    """Measure the delay and the reads of simulated runs and of real ones."""
    count, real = bench.choose((1000, 100), (100, 3))
    rows = []
    for lengths in ALL_LENGTHS:
        past, runs = lengths.draw(PAST, 5), lengths.draw(count, 3)
        rows.append(
            _row(
                f"{lengths.what}: mean delay from end to event, reads a run",
                f"{count:,} runs one after the other, {BETWEEN:g} s between them, {PAST} before"
                " them, on a clock that is passed in. The extension's hub with `POLL_INTERVAL` = 30"
                " against the code of AppKit's `runAndWait`, run on the same lengths. Reads for the"
                " history count.",
                lengths,
                simulate(runs, past),
                simulate_peer(bench.peers, runs),
            )
        )
    rows.append(_tasks(bench, bench.choose(150, 20)))
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


def _tasks(bench: Bench, count: int) -> Row:
    """Measure the delay and the reads of jobs of several tasks."""
    draw = random.Random(1)
    jobs = [SimulatedJob(draw) for _ in range(count)]
    watched = [
        ([job.next_run() for _ in range(RUNS)], [job.next_run() for _ in range(PAST)])
        for job in jobs
    ]
    mine = _mean([simulate(runs, past) for runs, past in watched])
    theirs = simulate_peer(bench.peers, [run for runs, _ in watched for run in runs])
    return Row(
        "jobs of 3–8 tasks with history (spread of each 5–30 %, set-up 8 s to 4 min): mean delay"
        " from a change to its event, reads a run",
        f"{count} jobs, {RUNS} runs of each with {PAST} before them, simulated as above. A change"
        " is the end of the queue, of a set-up, or of a task.",
        mine.text,
        f"≤ {s(TASKS_TARGET.delay)} at ≤ {TASKS_TARGET.reads:g} reads",
        mine.delay <= TASKS_TARGET.delay and mine.reads <= TASKS_TARGET.reads,
        theirs.text,
        mine.delay / theirs.delay,
    )


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        mean([outcome.delay for outcome in outcomes]), mean([outcome.reads for outcome in outcomes])
    )


def _row(what: str, how: str, lengths: Lengths, mine: Outcome, theirs: Outcome) -> Row:
    latest = theirs.delay if lengths.target is None else lengths.target
    target = f"≤ {s(latest)}" if lengths.target else "no later than the peer"
    return Row(
        what,
        how,
        mine.text,
        f"{target}, at no more reads",
        mine.delay <= latest and mine.reads <= theirs.reads,
        theirs.text,
        mine.delay / theirs.delay,
    )


# Simulated


class ManualClock:
    """A clock that advances on command."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Simulated(Protocol):
    """A run whose state follows from its age."""

    @property
    def changes(self) -> Sequence[float]:
        """The moments of its changes, the last of which is its end, in seconds."""

    def document(self, age: float, requested_at: float) -> dict[str, Any]:
        """Return the run as the Jobs API has it."""


@dataclass(frozen=True)
class Length:
    """A run without tasks that changes only when it ends.

    :param seconds: from start to end.
    """

    seconds: float

    @property
    def changes(self) -> Sequence[float]:
        return [self.seconds]

    def document(self, age: float, requested_at: float) -> dict[str, Any]:
        run: dict[str, Any] = {
            "run_id": 1,
            "job_id": 1,
            "start_time": int(requested_at * 1000),
            "state": {"life_cycle_state": "RUNNING"},
        }
        if age >= self.seconds:
            run["state"] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
            run["end_time"] = int((requested_at + self.seconds) * 1000)
            run["run_duration"] = run["execution_duration"] = int(self.seconds * 1000)
        return run


class Simulation(RunSource):
    """A workspace without HTTP, from which the hub reads.

    :param past: runs that have ended.
    """

    def __init__(self, clock: ManualClock, past: Sequence[Simulated]) -> None:
        self.clock = clock
        self.reads = 0
        self.times: list[float] = []
        before = clock.time - 3600.0
        self._ended = [run.document(run.changes[-1], before) for run in past]
        self._run: Simulated = Length(0.0)
        self._start = 0.0

    def start(self, run: Simulated) -> None:
        self._run, self._start, self.times = run, self.clock.time, []

    def end(self) -> None:
        self._ended.append(self._run.document(self._run.changes[-1], self._start))

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        self.reads += 1
        age = self.clock.time - self._start
        self.times.append(age)
        document = {**self._run.document(age, self._start), "run_id": run_key.run_id}
        return ApiResponse(document, Run.from_dict(document))

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        raise NotImplementedError("one run at a time")

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        self.reads += 1
        return [BaseRun.from_dict(run) for run in reversed(self._ended[-PAST:])]

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        raise NotImplementedError("one process")


def simulate(runs: Sequence[Simulated], past: Sequence[Simulated]) -> Outcome:
    """Watch the runs of a job with the extension's hub.

    :param past: earlier runs of the job.
    """
    clock = ManualClock()
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
    delays: list[float] = []
    for run_id, run in enumerate(runs, 1000):
        simulation.start(run)
        subscription = hub.subscribe(RunKey(APP, job, run_id))
        while True:
            delay = hub.step()
            subscription.collect()
            if subscription.is_finished:
                break
            clock.sleep(delay)
        subscription.close()
        delays += delays_of(run, simulation.times)
        simulation.end()
        clock.sleep(BETWEEN)
    return Outcome(mean(delays), simulation.reads / len(runs))


def simulate_peer(folder: Path, runs: Sequence[Simulated]) -> Outcome:
    """Watch runs with AppKit's code."""
    done = subprocess.run(
        [node_program(folder, 22), "poller.mjs"],
        cwd=folder,
        input=json.dumps({"interval": PEER_INTERVAL, "lengths": [run.changes[-1] for run in runs]}),
        capture_output=True,
        text=True,
        check=True,
    )
    polls = json.loads(done.stdout)
    delays = [
        delay for run, times in zip(runs, polls, strict=True) for delay in delays_of(run, times)
    ]
    return Outcome(mean(delays), mean([len(times) for times in polls]))


def delays_of(run: Simulated, times: Sequence[float]) -> list[float]:
    """Return the seconds by which each change of a run is found late.

    :param times: of the polls, in seconds since the run was requested.
    """
    return [times[bisect_left(times, change - TOLERANCE)] - change for change in run.changes]


# Real


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
