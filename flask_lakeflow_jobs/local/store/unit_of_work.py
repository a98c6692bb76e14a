"""The runs as they stand: in memory while they are going, in the store always."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ApiError, InvalidParameterValue, RunDoesNotExist
from ..model import JobRun, TaskRun
from .sqlite import Store

_REMEMBERED_RUNS = 2048  # ended runs that need not be read from the store again


class UnitOfWork:
    """Finds runs, and keeps what changes about them: one transaction a change.

    Every method may be called from any thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._live: dict[int, JobRun] = {}
        self._ended: OrderedDict[int, JobRun] = OrderedDict()
        self._depth = 0
        self._changed_runs: dict[int, JobRun] = {}
        self._changed_tasks: dict[int, TaskRun] = {}
        self._new_tasks: list[tuple[JobRun, TaskRun]] = []
        self._outputs: dict[int, dict[str, Any]] = {}
        self._deferred: dict[tuple[str, int], Callable[[], None]] = {}
        self._after_commit: list[Callable[[], None]] = []
        self._closed = False

    # Reading

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """Hold everything still and look into the store."""
        with self._lock:
            yield self._store

    def find_run(self, run_id: int) -> JobRun:
        """The run of this id.

        :raises ApiError: there is none.
        """
        with self._lock:
            run = self._live.get(run_id) or self._ended.get(run_id)
            if run is None:
                run = self._store.load_run(run_id)
                if run is None:
                    raise RunDoesNotExist(run_id)
                self._remember(run)
            return run

    def find_task(self, run_id: int) -> tuple[JobRun, TaskRun]:
        """The attempt of this id, with the run to which it belongs.

        :raises ApiError: there is none.
        """
        with self._lock:
            job_run_id = self._store.job_run_of_task(run_id)
            if job_run_id is None:
                raise RunDoesNotExist(run_id)
            run = self.find_run(job_run_id)
            return run, run.attempt(run_id)

    def live_runs(self, job_id: int | None = None) -> list[JobRun]:
        """The runs that are going, the oldest first."""
        with self._lock:
            return [run for run in self._live.values() if job_id in (None, run.job_id)]

    def output_of(self, task: TaskRun) -> dict[str, Any]:
        """What an attempt that has ended has put out."""
        with self._lock:
            return self._store.load_output(task.run_id)

    @property
    def is_idle(self) -> bool:
        """Whether no run is going."""
        return not self._live

    # Changing

    @contextmanager
    def change(self) -> Iterator[None]:
        """Collect what changes inside; all of it is committed when the outermost change ends."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                while self._depth == 1 and self._deferred:
                    self._deferred.pop(next(iter(self._deferred)))()
                self._depth -= 1
                if self._depth == 0:
                    self._commit()

    def new_id(self) -> int:
        """An id for a run: like the service's unordered, and exact in JavaScript (up to
        2**53-1).
        """
        return 10**14 + secrets.randbelow(2**53 - 10**14)

    def add_run(self, run: JobRun, token: str | None = None) -> None:
        """Keep a new run, and the idempotency token that it answers to."""
        with self._store.transaction():
            self._store.add_run(run, token)
        self._live[run.run_id] = run

    def add_task(self, run: JobRun, task: TaskRun) -> None:
        """Keep a new attempt of a run's task."""
        (run.iterations if task.parent else run.tasks).append(task)
        self._new_tasks.append((run, task))
        self.touch(run)

    def touch(self, run: JobRun, *tasks: TaskRun) -> None:
        """Note that a run, and maybe attempts of it, have changed."""
        run.revision += 1
        self._changed_runs[run.run_id] = run
        for task in tasks:
            self._changed_tasks[task.run_id] = task

    def set_output(self, task: TaskRun, output: dict[str, Any]) -> None:
        """Keep what an attempt has put out."""
        self._outputs[task.run_id] = output

    def defer(self, purpose: str, subject: int, action: Callable[[], None]) -> None:
        """Do something as part of the change, but not inside what is being done now.

        Asked for several times meanwhile, it is done once.

        :param purpose: what is to be done.
        :param subject: to which run or attempt.
        """
        self._deferred.setdefault((purpose, subject), action)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something once the change has been committed."""
        self._after_commit.append(action)

    def archive(self, run: JobRun) -> None:
        """Count a run among those that have ended."""
        self._live.pop(run.run_id, None)
        self._remember(run)

    def reactivate(self, run: JobRun) -> None:
        """Count a run that had ended among those that are going."""
        self._ended.pop(run.run_id, None)
        self._live[run.run_id] = run

    def delete_run(self, run: JobRun) -> None:
        """Forget a run that has ended."""
        with self._lock:
            with self._store.transaction():
                self._store.delete_run(run)
            self._ended.pop(run.run_id, None)

    def run_of_token(self, token: str) -> JobRun | None:
        """The run that was started with an idempotency token.

        :raises ApiError: it has been deleted; its token stays taken.
        """
        run_id = self._store.run_id_of_token(token)
        if run_id is None:
            return None
        try:
            return self.find_run(run_id)
        except ApiError:
            raise InvalidParameterValue(
                f"Run {run_id}, which was started with this idempotency token, has been deleted. "
                "Use another token to start a new run."
            ) from None

    def close(self) -> None:
        """Keep nothing more."""
        with self._lock:
            self._closed = True
            self._store.close()

    def _remember(self, run: JobRun) -> None:
        self._ended[run.run_id] = run
        self._ended.move_to_end(run.run_id)
        if len(self._ended) > _REMEMBERED_RUNS:
            self._ended.popitem(last=False)

    def _commit(self) -> None:
        runs, self._changed_runs = self._changed_runs, {}
        tasks, self._changed_tasks = self._changed_tasks, {}
        new_tasks, self._new_tasks = self._new_tasks, []
        outputs, self._outputs = self._outputs, {}
        actions, self._after_commit = self._after_commit, []
        if self._closed:
            return
        if runs:
            with self._store.transaction():
                self._store.add_tasks(new_tasks)
                self._store.save_runs(runs.values())
                self._store.save_tasks(tasks.values())
                self._store.save_outputs(outputs)
        for action in actions:
            action()
