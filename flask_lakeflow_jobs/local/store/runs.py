"""The runs of the workspace: active ones in memory, all of them in the store."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from ..errors import InvalidParameterValue, RunDoesNotExist
from ..model import JobRun, TaskRun
from .sqlite import Store

_MAX_CACHED_RUNS = 2048  # ended runs that are kept in memory


class RunStore:
    """The current state of all runs.

    Every change is one transaction. It becomes visible once it is committed; if it fails, nothing
    changes, neither here nor in the store. Every method may be called from any thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._active: dict[int, JobRun] = {}
        self._ended: OrderedDict[int, JobRun] = OrderedDict()
        #: When the last active run ended, by the monotonic clock.
        self.last_end = 0.0

    @contextmanager
    def exclusive(self) -> Iterator[Store]:
        """Keep other threads from reading and changing anything meanwhile."""
        with self._lock:
            yield self._store

    # Reads

    def find_run(self, run_id: int) -> JobRun:
        """Return a run.

        :raises ApiError: it does not exist.
        """
        with self._lock:
            run = self._active.get(run_id) or self._ended.get(run_id)
            if run is None:
                run = self._store.load_run(run_id)
                if run is None:
                    raise RunDoesNotExist(run_id)
                self._cache(run)
            return run

    def find_task(self, run_id: int) -> tuple[JobRun, TaskRun]:
        """Return an attempt of a task and its run.

        :raises ApiError: it does not exist.
        """
        with self._lock:
            job_run_id = self._store.job_run_of_task(run_id)
            if job_run_id is None:
                raise RunDoesNotExist(run_id)
            run = self.find_run(job_run_id)
            return run, run.attempt(run_id)

    def find_run_of_token(self, token: str) -> JobRun | None:
        """Return the run that was started with an idempotency token, if there is one.

        :raises ApiError: the run has been deleted; its token stays in use.
        """
        with self._lock:
            run_id = self._store.run_id_of_token(token)
            if run_id is None:
                return None
            try:
                return self.find_run(run_id)
            except RunDoesNotExist:
                raise InvalidParameterValue(
                    f"Run {run_id}, which was started with this idempotency token, has been "
                    "deleted. Use another token to start a new run."
                ) from None

    def active_runs(self, job_id: int | None = None) -> list[JobRun]:
        """Return the active runs of a job, or of all jobs, the oldest first."""
        with self._lock:
            return [run for run in self._active.values() if job_id in (None, run.job_id)]

    def load_output(self, task: TaskRun) -> dict[str, Any]:
        """Return the output of an attempt that has ended."""
        with self._lock:
            return self._store.load_output(task.run_id)

    @property
    def is_idle(self) -> bool:
        """Return whether no run is active."""
        return not self._active

    # Changes

    def new_id(self) -> int:
        """Return an id for a run: unordered like the service's, and exact in JavaScript.

        JavaScript represents integers up to 2**53 - 1 exactly.
        """
        return 10**14 + secrets.randbelow(2**53 - 10**14)

    def add_run(
        self,
        run: JobRun,
        token: str | None = None,
        outputs: Mapping[int, dict[str, Any]] = MappingProxyType({}),
    ) -> None:
        """Commit a new run and the idempotency token that started it.

        :param outputs: by the id of the attempt, of tasks that have ended at once.
        """
        with self._lock:
            with self._store.transaction():
                self._store.add_run(run, token)
                self._store.save_outputs(outputs)
            self._cache(run)

    def save_run(self, run: JobRun, outputs: Mapping[int, dict[str, Any]]) -> None:
        """Commit the new state of a run.

        :param outputs: new outputs, by the id of the attempt.
        """
        with self._lock:
            before = self.find_run(run.run_id)
            saved = {task.run_id: task for task in (*before.tasks, *before.iterations)}
            tasks = (*run.tasks, *run.iterations)
            with self._store.transaction():
                self._store.add_tasks(run, [task for task in tasks if task.run_id not in saved])
                self._store.save_run(run)
                self._store.save_tasks(
                    task for task in tasks if saved.get(task.run_id, task) is not task
                )
                self._store.save_outputs(outputs)
            self._cache(run)

    def delete_run(self, run: JobRun) -> None:
        with self._lock:
            with self._store.transaction():
                self._store.delete_run(run)
            self._ended.pop(run.run_id, None)

    def close(self) -> None:
        with self._lock:
            self._store.close()

    def _cache(self, run: JobRun) -> None:
        if run.is_active:
            self._ended.pop(run.run_id, None)
            self._active[run.run_id] = run
            return
        if self._active.pop(run.run_id, None) is not None:
            self.last_end = time.monotonic()
        self._ended[run.run_id] = run
        self._ended.move_to_end(run.run_id)
        if len(self._ended) > _MAX_CACHED_RUNS:
            self._ended.popitem(last=False)
