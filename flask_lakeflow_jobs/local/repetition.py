"""A for-each task while it is going: iterations, so many at a time."""

from __future__ import annotations

from typing import Any, Protocol

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.activities import Completion, Reporter
from flask_lakeflow_jobs.local.ledger import Ledger
from flask_lakeflow_jobs.local.model import JobRun, TaskRun
from flask_lakeflow_jobs.local.states import State
from flask_lakeflow_jobs.local.tasks.work import Repetition


class Performer(Protocol):
    """Starts and stops attempts."""

    def start(self, run: JobRun, task: TaskRun) -> None:
        """Start an attempt whose turn has come."""

    def stop(self, run: JobRun, task: TaskRun, state: State) -> None:
        """Bring an attempt to an end."""


class RepetitionActivity:
    """Runs the iterations of one for-each task."""

    def __init__(
        self,
        work: Repetition,
        run: JobRun,
        task: TaskRun,
        ledger: Ledger,
        performer: Performer,
        reporter: Reporter,
    ) -> None:
        self._work = work
        self._run = run
        self._task = task
        self._ledger = ledger
        self._performer = performer
        self._reporter = reporter
        self._waiting: list[TaskRun] = []
        self._total = len(work.inputs)
        self._stopped_as: State | None = None
        self._is_done = False

    def start(self) -> None:
        """Line up one iteration an input, and start as many as may run at once."""
        with self._ledger.change():
            self._reporter.started()
            for index, item in enumerate(self._work.inputs):
                iteration = TaskRun(
                    self._ledger.new_id(),
                    self._work.spec,
                    parent=self._task.run_id,
                    index=index,
                    item=item,
                )
                self._ledger.add_task(self._run, iteration)
                self._waiting.append(iteration)
            self._waiting.reverse()
            self.iteration_ended()

    def stop(self, state: State) -> None:
        """Stop what runs; what waits never starts."""
        with self._ledger.change():
            self._stopped_as = state
            waiting, self._waiting = self._waiting, []
            for iteration in (*waiting, *self._latest().values()):
                self._performer.stop(self._run, iteration, state)
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
            self._performer.start(self._run, iteration)
        if not self._is_done and all(each.state.is_terminal for each in latest.values()):
            self._is_done = True
            completion = Completion(self._stopped_as or self._ending(latest))
            self._ledger.afterwards(lambda: self._reporter.ended(completion))

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
