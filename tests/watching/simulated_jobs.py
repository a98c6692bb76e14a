"""Simulated jobs whose runs have a queue, set-ups and dependent tasks, and polls of them.

The benchmarks simulate the same jobs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from databricks.sdk.service.jobs import Run

from tests.run_documents import SUCCEEDED, Document, run_state

#: Runs of a job that have ended before those that are polled.
PAST_RUNS = 25

#: When each run is requested, in seconds since the epoch.
REQUESTED_AT = 1_764_000_000.0


@dataclass(frozen=True)
class SimulatedTask:
    """A task of a run. Its moments are in seconds since the run was requested."""

    key: str
    depends_on: Sequence[str]
    start: float
    running: float
    end: float

    def document(self, age: float, requested_at: float) -> Document:
        """Return the task as the Jobs API has it, at an age of its run."""
        task: Document = {
            "task_key": self.key,
            "run_id": 1,
            "attempt_number": 0,
            "depends_on": [{"task_key": key} for key in self.depends_on],
        }
        if age < self.start:
            return {**task, **run_state("BLOCKED")}
        task["start_time"] = _milliseconds(requested_at + self.start)
        if age < self.running:
            return {**task, **run_state("PENDING")}
        task["setup_duration"] = _milliseconds(self.running - self.start)
        if age < self.end:
            return {**task, **run_state("RUNNING")}
        task["execution_duration"] = _milliseconds(self.end - self.running)
        return {**task, **SUCCEEDED, "end_time": _milliseconds(requested_at + self.end)}


@dataclass(frozen=True)
class SimulatedRun:
    """A run whose state follows from its age.

    :param queued: seconds in the queue.
    """

    queued: float
    tasks: Sequence[SimulatedTask]

    @property
    def end(self) -> float:
        """Seconds from the request to the end."""
        return max(task.end for task in self.tasks)

    @property
    def changes(self) -> list[float]:
        """The moments of new states, in seconds since the request."""
        moments = {self.queued}.union(*({task.running, task.end} for task in self.tasks))
        return sorted(moments - {0.0})

    def document(self, age: float, requested_at: float = REQUESTED_AT) -> Document:
        """Return the run as the Jobs API has it, at an age."""
        run: Document = {
            "run_id": 1,
            "job_id": 1,
            "start_time": _milliseconds(requested_at),
            "tasks": [task.document(age, requested_at) for task in self.tasks],
        }
        if age < self.queued:
            return {**run, **run_state("QUEUED")}
        run["queue_duration"] = _milliseconds(self.queued)
        if age < min(task.running for task in self.tasks):
            return {**run, **run_state("PENDING")}
        if age < self.end:
            return {**run, **run_state("RUNNING")}
        return {**run, **SUCCEEDED, "end_time": _milliseconds(requested_at + self.end)}

    def run(self, age: float) -> Run:
        return Run.from_dict(self.document(age))


class SimulatedJob:
    """A job of 3 to 8 tasks, each with a spread of 5 to 30 %, and a set-up of 8 s to 4 min.

    Each duration has a normal distribution. Tasks take 40 s to 15 min and depend on up to two
    others, and the first ones start the cluster. A third of the jobs wait in the queue.
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._queue = draw.choice([0.0, 0.0, 20.0])
        self._setup = self._kind(8, 240)
        self._tasks = [
            (self._kind(40, 900), draw.sample(range(number), min(number, draw.choice([1, 1, 2]))))
            for number in range(draw.randint(3, 8))
        ]

    def next_run(self) -> SimulatedRun:
        queued = self._queue * self._draw.uniform(0.5, 1.5)
        setup = self._duration(self._setup)
        tasks: list[SimulatedTask] = []
        for number, (kind, depends_on) in enumerate(self._tasks):
            start = max((tasks[each].end for each in depends_on), default=queued)
            running = start if depends_on else start + setup
            end = running + self._duration(kind)
            keys = [str(each) for each in depends_on]
            tasks.append(SimulatedTask(str(number), keys, start, running, end))
        return SimulatedRun(queued, tasks)

    def _kind(self, shortest: float, longest: float) -> tuple[float, float]:
        """Return a mean, in seconds, and its relative standard deviation."""
        mean = math.exp(self._draw.uniform(math.log(shortest), math.log(longest)))
        return mean, self._draw.uniform(0.05, 0.3)

    def _duration(self, kind: tuple[float, float]) -> float:
        mean, spread = kind
        return max(0.2 * mean, self._draw.gauss(mean, spread * mean))


@dataclass(frozen=True)
class Polls:
    """The polls of one run.

    :param delays: the seconds by which each change was found late.
    """

    delays: Sequence[float]
    reads: int


def poll_to_the_end(run: SimulatedRun, delay_of: Callable[[float], float]) -> Polls:
    """Poll a run until its end is found.

    :param delay_of: returns the seconds until the next poll, at an age of the run.
    """
    age, reads, changes = 0.0, 1, run.changes
    delays: list[float] = []
    while True:
        delays += [age - change for change in changes if change <= age]
        changes = [change for change in changes if change > age]
        if not changes:
            return Polls(delays, reads)
        age += delay_of(age)
        reads += 1


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
