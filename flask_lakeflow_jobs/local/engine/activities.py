"""What a task has going while it is active: a process, a script, a run of another job."""
# MERGED """A for-each task while it is going: iterations, so many at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .. import states
from ..clock import Clock
from ..model import JobRun, TaskRun
from ..states import State
from ..store.unit_of_work import UnitOfWork
from .processes import OUTPUT_LIMIT, Exit, Lifeline, TaskProcess
from .work import ForEach, ProcessWork, SimulatedWork


@dataclass(frozen=True, slots=True)
class Completion:
    """How an activity ended, and what came of it."""

    state: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


class Reporter(Protocol):
    """Whom an activity tells how it goes. Each may be called from any thread."""

    def queued(self) -> None:
        """It waits until there is room for it."""

    def started(self) -> None:
        """It runs."""

    def ended(self, completion: Completion) -> None:
        """It has ended; told once."""


class Activity(Protocol):
    """Something that a task has going."""

    def start(self) -> None:
        """Begin, without waiting."""

    def stop(self, state: State) -> None:
        """End soon; the completion then has this state."""

    def output(self) -> dict[str, Any]:
        """What it has put out so far."""


class SimulatedActivity:
    """Plays a part: lets time pass and ends as the script says."""

    def __init__(self, work: SimulatedWork, clock: Clock, reporter: Reporter) -> None:
        self._work = work
        self._clock = clock
        self._reporter = reporter
        self._lock = threading.Lock()
        self._ended = False

    def start(self) -> None:
        """Begin to play."""
        self._reporter.started()
        work = self._work
        completion = Completion(work.state, work.output, work.values)
        self._clock.call_at(self._clock.time() + work.seconds, lambda: self._end(completion))

    def stop(self, state: State) -> None:
        """Break off."""
        self._clock.call_at(self._clock.time(), lambda: self._end(Completion(state)))

    def output(self) -> dict[str, Any]:
        """Nothing before the end."""
        return {}

    def _end(self, completion: Completion) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._reporter.ended(completion)


class ProcessActivity:
    """A process that runs the user's code."""

    def __init__(
        self, work: ProcessWork, folder: Path, host: ProcessHost, reporter: Reporter
    ) -> None:
        self._host = host
        self._reporter = reporter
        self._stopped_as: State | None = None
        self.process = TaskProcess(
            work.payload,
            folder,
            host.environment(),
            host.lifeline,
            on_start=reporter.started,
            on_exit=self._exited,
        )

    def start(self) -> None:
        """Start the process, or wait until there is room for it."""
        if not self._host.admit(self):
            self._reporter.queued()

    def stop(self, state: State) -> None:
        """Ask the process to end, and kill it if it does not."""
        self._stopped_as = state
        self.process.stop()
        self._host.withdraw(self)

    def output(self) -> dict[str, Any]:
        """What it has printed so far."""
        logs, truncated = self.process.read_logs()
        return {"logs": logs, "logs_truncated": truncated}

    def _exited(self, ended: Exit) -> None:
        outcome = dict(ended.outcome)
        values, rows = outcome.pop("values", {}), outcome.pop("rows", [])
        if isinstance(result := outcome.get("result"), str):
            outcome["result"], outcome["truncated"] = first_part(result)
        outcome |= {"logs": ended.logs, "logs_truncated": ended.logs_truncated}
        if self._stopped_as is not None:
            outcome = {key: value for key, value in outcome.items() if not key.startswith("error")}
        state = self._stopped_as or (states.FAILED if "error" in outcome else states.SUCCESS)
        self._host.leave(self)
        self._reporter.ended(Completion(state, outcome, values, rows))


class ProcessHost:
    """Where processes of tasks run, so many at a time.

    :param environment: gives the environment of each.
    :param limit: how many may run at once; the others wait their turn.
    """

    def __init__(self, environment: Callable[[], Mapping[str, str]], limit: int) -> None:
        self.environment = environment
        self.lifeline = Lifeline()
        self._limit = limit
        self._lock = threading.Lock()
        self._running: set[ProcessActivity] = set()
        self._waiting: deque[ProcessActivity] = deque()

    def admit(self, activity: ProcessActivity) -> bool:
        """Start a process if there is room.

        :return: whether there was; if not, it is started later.
        """
        with self._lock:
            if len(self._running) >= self._limit:
                self._waiting.append(activity)
                return False
            self._running.add(activity)
        activity.process.start()
        return True

    def withdraw(self, activity: ProcessActivity) -> None:
        """Let one that waits, and has been stopped, come to its end at once."""
        with self._lock:
            if activity not in self._waiting:
                return
            self._waiting.remove(activity)
        activity.process.start()

    def leave(self, activity: ProcessActivity) -> None:
        """Give the room of a process that has ended to the next one."""
        following = None
        with self._lock:
            self._running.discard(activity)
            if self._waiting and len(self._running) < self._limit:
                following = self._waiting.popleft()
                self._running.add(following)
        if following is not None:
            following.process.start()

    def close(self) -> None:
        """Kill all processes and wait until they have gone."""
        with self._lock:
            self._waiting.clear()
            running = list(self._running)
        for activity in running:
            activity.process.kill()
        for activity in running:
            activity.process.join()
        self.lifeline.close()


def first_part(text: str) -> tuple[str, bool]:
    """The first 5 MB of a text, and whether that is not all."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= OUTPUT_LIMIT:
        return text, False
    return encoded[:OUTPUT_LIMIT].decode(errors="ignore"), True


class AttemptRunner(Protocol):
    """Starts and stops attempts."""

    def start(self, run: JobRun, task: TaskRun) -> None:
        """Start an attempt whose turn has come."""

    def stop(self, run: JobRun, task: TaskRun, state: State) -> None:
        """Bring an attempt to an end."""


class ForEachActivity:
    """Runs the iterations of one for-each task."""

    def __init__(
        self,
        work: ForEach,
        run: JobRun,
        task: TaskRun,
        unit_of_work: UnitOfWork,
        task_runner: AttemptRunner,
        reporter: Reporter,
    ) -> None:
        self._work = work
        self._run = run
        self._task = task
        self._unit_of_work = unit_of_work
        self._task_runner = task_runner
        self._reporter = reporter
        self._waiting: list[TaskRun] = []
        self._total = len(work.inputs)
        self._stopped_as: State | None = None
        self._is_done = False

    def start(self) -> None:
        """Line up one iteration an input, and start as many as may run at once."""
        with self._unit_of_work.change():
            self._reporter.started()
            for index, item in enumerate(self._work.inputs):
                iteration = TaskRun(
                    self._unit_of_work.new_id(),
                    self._work.spec,
                    parent=self._task.run_id,
                    index=index,
                    item=item,
                )
                self._unit_of_work.add_task(self._run, iteration)
                self._waiting.append(iteration)
            self._waiting.reverse()
            self.iteration_ended()

    def stop(self, state: State) -> None:
        """Stop what runs; what waits never starts."""
        with self._unit_of_work.change():
            self._stopped_as = state
            waiting, self._waiting = self._waiting, []
            for iteration in (*waiting, *self._latest().values()):
                self._task_runner.stop(self._run, iteration, state)
            self.iteration_ended()

    def output(self) -> dict[str, Any]:
        """Nothing: the iterations have it."""
        return {}

    def iteration_ended(self) -> None:
        """Start the next iteration, or end the whole if that was the last."""
        latest = self._latest()
        active = sum(
            not each.state.is_terminal and each.state.life_cycle != "BLOCKED"
            for each in latest.values()
        )
        while self._waiting and active < self._work.concurrency:
            iteration = self._waiting.pop()
            active += 1
            self._task_runner.start(self._run, iteration)
        if not self._is_done and all(each.state.is_terminal for each in latest.values()):
            self._is_done = True
            completion = Completion(self._stopped_as or self._ending(latest))
            self._unit_of_work.after_commit(lambda: self._reporter.ended(completion))

    def _latest(self) -> dict[int, TaskRun]:
        """The newest attempt of each iteration, by the place of its input."""
        return {each.index: each for each in self._run.iterations_of(self._task)}

    def _ending(self, latest: dict[int, TaskRun]) -> State:
        failed = sum(each.state.is_failure for each in latest.values())
        if not failed:
            return states.SUCCESS
        return states.FAILED.because(
            f"{failed} of {self._total} iterations failed, see their output for details"
        )
