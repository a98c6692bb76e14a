"""Reads through the cache, as JSON documents with their age."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..runs.outcome import has_ended
from .outputs import Output, OutputPage, Waiting, read_concurrently, read_output_page
from .read_cache import CachedResponse, CacheKey

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run, RunOutput, RunTask

    from ..config.jobs import Job
    from ..identity import Identity
    from .gateway import Upstream
    from .jobs_api import ApiResponse

#: Filters of a list of runs whose values are moments.
PERIOD_FILTERS = ("start_time_from", "start_time_to")

T = TypeVar("T")
R = TypeVar("R")


class CachedReads:
    """Cached reads of one job, made with one identity.

    :param stale_if_error: return a cached response, marked as stale, if the workspace does not
        respond.
    :param on_end: called with each run that was read from the workspace and has ended.
    """

    def __init__(
        self,
        upstream: Upstream,
        identity: Identity,
        job: Job,
        *,
        stale_if_error: bool = False,
        on_end: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._upstream = upstream
        self._calls = upstream.bind(identity, job)
        self._cache = upstream.cache
        self._identity = identity
        self._job = job
        self._stale_if_error = stale_if_error
        self._on_end = on_end

    def get_job(self) -> CachedResponse:
        """Return the job's definition."""
        return self._read("job", lambda: self._calls.get_job().document, lambda _: True)

    def get_run(self, run_id: int) -> CachedResponse:
        """Return a run with all its tasks.

        :raises RunNotFound: the run does not exist, or belongs to another job.
        """

        def fetch() -> dict[str, Any]:
            run = self._calls.get_run(run_id).document
            if self._on_end is not None and has_ended(run):
                self._on_end(run)
            return run

        return self._read(f"run:{run_id}", fetch, has_ended)

    def get_repairs(self, run_id: int, *, state: str) -> CachedResponse:
        """Return the original run and its repairs under ``items``.

        :param state: identifies the run's state; responses from other states are not used.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        """

        def fetch() -> dict[str, Any]:
            run = self._calls.get_run(run_id, history=True).document
            return {"ended": has_ended(run), "items": run.get("repair_history") or []}

        return self._read(f"repairs:{run_id}:{state}", fetch, lambda value: bool(value["ended"]))

    def list_runs(self, limit: int, *, idle_ttl: float = 0.0, **filters: Any) -> CachedResponse:
        """Return the newest runs, newest first.

        Lists of a period are not cached: a client could make up any number of periods.

        :param idle_ttl: seconds for which a list without an active run is fresh.
        :param filters: as the Jobs API names them.
        """
        filters = {name: value for name, value in filters.items() if value is not None}

        def fetch() -> list[dict[str, Any]]:
            return [run.document for run in self._calls.list_runs(limit, **filters)]

        if not filters.keys().isdisjoint(PERIOD_FILTERS):
            return CachedResponse(fetch())

        def accepts(runs: list[dict[str, Any]], age: float) -> bool:
            return age < idle_ttl and all(map(has_ended, runs))

        cache_key = f"runs:{limit}:{json.dumps(filters, sort_keys=True) if filters else '{}'}"
        return self._read(cache_key, fetch, lambda _: False, accepts)

    def get_task_output(self, task_run_id: int, *, is_final: bool) -> CachedResponse:
        """Return the output of one task.

        :param task_run_id: the run id of the task, not of the job's run.
        :param is_final: the task has ended.
        """
        return self._read(
            f"output:{task_run_id}",
            lambda: self._calls.get_task_output(task_run_id).document,
            lambda _: is_final,
        )

    def get_output_page(
        self,
        run_id: int,
        tasks: Sequence[str] = (),
        after: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> OutputPage:
        """Return outputs of a run's tasks by task key, within the timeout of one read.

        :param tasks: and the others: see :func:`.outputs.read_output_page`.
        :param check: raises if the caller no longer waits.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        run = self._upstream.parse_run(self.get_run(run_id).value)
        waiting = Waiting(self._upstream.read_policy.timeout, check)
        return read_output_page(run, self._get_output_of, waiting, tasks=tasks, after=after)

    def get_outputs(self, run_id: int, tasks: Sequence[str] = ()) -> dict[str, Output]:
        """Return the outputs of a run's tasks by task key, of all pages.

        :param tasks: the keys of the tasks; by default all.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        outputs, after = self.get_output_page(run_id, tasks)
        while after is not None:
            more, after = self.get_output_page(run_id, tasks, after)
            outputs |= more
        return outputs

    def run_concurrently(self, read: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Make several reads, within the timeout of one.

        :raises UpstreamTimeout: the time is up.
        """
        return read_concurrently(read, items, Waiting(self._upstream.read_policy.timeout))

    def read_output(self, task: RunTask) -> RunOutput:
        """Return the output of one task."""
        return self._upstream.parse_output(self._get_output_of(task))

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        """Return the iterations of a for-each task, with all their attempts."""
        run = self._upstream.parse_run(self.get_run(int(task.run_id or 0)).value)
        return run.iterations or []

    def poll(self, run_id: int) -> ApiResponse[Run]:
        """Read a run from the workspace, and store it in the cache.

        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        generation = self._cache.get_generation(self._job)
        run = self._calls.get_run(run_id)
        key = CacheKey(self._identity, self._job, f"run:{run_id}")
        self._cache.store(key, generation, run.document, is_final=has_ended(run.document))
        return run

    def _get_output_of(self, task: RunTask | Run) -> Output:
        response = self.get_task_output(int(task.run_id or 0), is_final=has_ended(task))
        output: Output = response.copy_value()
        return output

    def _read(
        self,
        resource: str,
        fetch: Callable[[], Any],
        is_final: Callable[[Any], bool],
        accepts: Callable[[Any, float], bool] = lambda value, age: False,
    ) -> CachedResponse:
        key = CacheKey(self._identity, self._job, resource)
        return self._cache.read(
            key, fetch, is_final, stale_if_error=self._stale_if_error, accepts=accepts
        )
