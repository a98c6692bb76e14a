"""What can be read of a job, through the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..runs.outcome import has_ended
from .outputs import Output, read_outputs
from .read_cache import CachedResponse, CacheKey

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunOutput, RunTask

    from ..config.jobs import Job
    from ..identity import Identity
    from .gateway import Upstream
    from .jobs_api import ApiResponse


class CachedReads:
    """Reads of one identity's view of one job.

    :param upstream: the calls.
    :param identity: the app or a user.
    :param job: the job.
    :param or_stale: whether an old answer, marked, is better than none.
    """

    def __init__(
        self,
        upstream: Upstream,
        identity: Identity,
        job: Job,
        *,
        stale_if_error: bool = False,
    ) -> None:
        self._upstream = upstream
        self._cache = upstream.cache
        self._identity = identity
        self._job = job
        self._stale_if_error = stale_if_error

    def get_job(self) -> CachedResponse:
        """The job's definition."""
        return self._read(
            "job",
            lambda: self._upstream.get_job(self._identity, self._job).document,
            lambda _: True,
        )

    def get_run(self, run_id: int) -> CachedResponse:
        """A run with all its tasks.

        :raises RunNotFound: there is none, or it belongs to another job.
        """
        return self._read(
            f"run:{run_id}",
            lambda: self._upstream.get_run(self._identity, self._job, run_id).document,
            has_ended,
        )

    def get_repairs(self, run_id: int, *, state: str) -> CachedResponse:
        """What was run for a run: the first time and at each repair.

        :param run_id: the run.
        :param state: names the state in which it was seen; what was read of another one is too old.
        :raises RunNotFound: there is none, or it belongs to another job.
        """

        def ask() -> dict[str, Any]:
            run = self._upstream.get_run(self._identity, self._job, run_id, history=True)
            return {
                "ended": has_ended(run.document),
                "items": run.document.get("repair_history") or [],
            }

        return self._read(f"repairs:{run_id}:{state}", ask, lambda answer: bool(answer["ended"]))

    def list_runs(self, limit: int, **filters: Any) -> CachedResponse:
        """The newest runs, newest first.

        :param limit: the most runs.
        :param filters: as the Jobs API names them.
        """
        filters = {name: value for name, value in filters.items() if value is not None}

        def ask() -> list[dict[str, Any]]:
            runs = self._upstream.list_runs(self._identity, self._job, limit, **filters)
            return [run.document for run in runs]

        what = f"runs:{limit}:{json.dumps(filters, sort_keys=True)}"
        return self._read(what, ask, lambda _: False)

    def get_task_output(self, task_run_id: int, *, is_final: bool) -> CachedResponse:
        """What one task left.

        :param task_run_id: the run id of the task.
        :param is_final: whether the task has ended.
        """
        return self._read(
            f"output:{task_run_id}",
            lambda: self._upstream.get_task_output(self._identity, self._job, task_run_id).document,
            lambda _: is_final,
        )

    def get_outputs(self, run_id: int) -> dict[str, Output]:
        """The outputs of a run's tasks, by task key; see :func:`.outputs.read_outputs`.

        :raises RunNotFound: there is none, or it belongs to another job.
        """
        return read_outputs(self._upstream.parse_run(self.get_run(run_id).value), self._task_output)

    def read_output(self, task: RunTask) -> RunOutput:
        """The output of one task."""
        return self._upstream.parse_output(self._task_output(task))

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        """The iterations of a for-each task, each attempt of each."""
        run = self._upstream.parse_run(self.get_run(int(task.run_id or 0)).value)
        return run.iterations or []

    def _task_output(self, task: RunTask | Run) -> Output:
        output: Output = self.get_task_output(int(task.run_id or 0), is_final=has_ended(task)).value
        return output

    def poll(self, run_id: int) -> ApiResponse[Run]:
        """A run as it is now, whatever is known of it; others then have it from the cache.

        :raises RunNotFound: there is none, or it belongs to another job.
        """
        generation = self._cache.generation(self._job)
        run = self._upstream.get_run(self._identity, self._job, run_id)
        question = CacheKey(self._identity, self._job, f"run:{run_id}")
        self._cache.store(question, generation, run.document, settled=has_ended(run.document))
        return run

    def _read(
        self, what: str, ask: Callable[[], Any], is_settled: Callable[[Any], bool]
    ) -> CachedResponse:
        question = CacheKey(self._identity, self._job, what)
        return self._cache.read(question, ask, is_settled, stale_if_error=self._stale_if_error)
