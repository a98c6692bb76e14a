"""Reads through the cache, as JSON documents with their age."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidRequest, NotAllowed, RunNotFound, UpstreamError, quote
from ..runs.iterations import Iteration, parse_iterations
from ..runs.notebook_export import extract_output
from ..runs.outcome import find_attempt, has_ended
from ..runs.output_parts import LogPart
from .concurrent_reads import read_all
from .outputs import Output, read_or_explain, select_outputs
from .read_cache import CachedResponse
from .response_store import CacheKey

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

    @property
    def identity_key(self) -> str:
        """Identify the identity of the reads, for keys of memories."""
        return self._identity.key

    def get_job(self) -> CachedResponse:
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

        cache_key = f"runs:{limit}:{json.dumps(filters, sort_keys=True)}"
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

    def get_whole_output(self, task: RunTask | Run) -> CachedResponse:
        """Return the output of one task; that of an ended notebook with its printed text.

        The text is in ``logs`` and ``logs_truncated``, like the log of a script.
        """
        task_run_id, is_final = int(task.run_id or 0), has_ended(task)
        output = self.get_task_output(task_run_id, is_final=is_final)
        if not is_final or getattr(task, "notebook_task", None) is None or "logs" in output.value:
            return output
        try:
            printed = self._read(
                f"printed:{task_run_id}", lambda: self._read_printed(task_run_id), lambda _: True
            )
        except UpstreamError:  # return the rest of the output
            return output
        return output._replace(value={**output.value, **printed.value}, texts=None)

    def _read_printed(self, task_run_id: int) -> dict[str, Any]:
        try:
            views = self._calls.export_notebook(task_run_id).get("views") or ()
        except (NotAllowed, RunNotFound, UpstreamError) as error:
            if error.retryable:
                raise
            return {}
        pages = [view["content"] for view in views if isinstance(view.get("content"), str)]
        found = [output for page in pages if (output := extract_output(page)) is not None]
        if not found:
            return {}
        return {
            "logs": "".join(text for text, _ in found),
            "logs_truncated": any(is_truncated for _, is_truncated in found),
        }

    def get_output_page(
        self,
        run_id: int,
        tasks: Sequence[str],
        after: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[dict[str, Output], str | None]:
        """Return outputs of a run's tasks by task key, within the timeout of one read.

        One missing output does not fail the rest: its ``info`` explains that there is none.

        :param tasks: as for :func:`.outputs.select_outputs`, like ``after`` and the result.
        :param check: raises if the caller no longer waits.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        :raises UpstreamTimeout: the time is up.
        """
        run = self._upstream.parse_run(self.get_run(run_id).value)
        chosen, next_after = select_outputs(run, tasks, after)
        outputs = self.run_concurrently(self._read_or_explain, [*chosen.values()], check=check)
        return dict(zip(chosen, outputs, strict=True)), next_after

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

    def run_concurrently(
        self,
        read: Callable[[T], R],
        items: Sequence[T],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> list[R]:
        """Make several reads, within the timeout of one.

        :param check: raises if the caller no longer waits.
        :raises UpstreamTimeout: the time is up.
        """
        return read_all(read, items, self._upstream.max_read_seconds, check)

    def read_output(self, task: RunTask) -> RunOutput:
        """Return the output of one task, as the Jobs API has it."""
        output = self.get_task_output(int(task.run_id or 0), is_final=has_ended(task))
        return self._upstream.parse_output(output.copy_value())

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        """Return the iterations of a for-each task, with all their attempts."""
        return self._upstream.parse_run(self.get_iterations(task).value).iterations or []

    def get_iterations(self, task: RunTask) -> CachedResponse:
        """Return the run of a for-each task, with its iterations and their parameters."""
        task_run_id = int(task.run_id or 0)
        return self._read(
            f"iterations:{task_run_id}",
            lambda: self._calls.get_run(task_run_id, resolved=True).document,
            has_ended,
        )

    def find_task(self, run_id: int, task: str | int, attempt: int | None = None) -> RunTask:
        """Return an attempt of a task of a run.

        :param task: the key of the task; or the run id of an attempt or of an iteration.
        :param attempt: counted from 1; by default the last one.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        :raises InvalidRequest: the run has no such task or attempt.
        """
        tasks = self._upstream.parse_run(self.get_run(run_id).value).tasks or []
        if isinstance(task, str):
            return find_attempt(tasks, task, attempt)
        return self.find_attempt_or_iteration(tasks, task)[0]

    def find_attempt_or_iteration(
        self, tasks: Sequence[RunTask], task_run_id: int
    ) -> tuple[RunTask, RunTask | None]:
        """Return an attempt of a task of a run; or an iteration, and its for-each task.

        :param tasks: those of the run.
        :raises InvalidRequest: there is none with this run id.
        :raises UpstreamTimeout: the iterations cannot be read within the timeout of one read.
        """
        for task in tasks:
            if task.run_id == task_run_id:
                return task, None
        loops = [task for task in tasks if task.for_each_task and task.run_id]
        # A client may make up the id, and a run may have a thousand loops.
        read = self.run_concurrently(self.read_iterations, loops)
        for loop, iterations in zip(loops, read, strict=True):
            for iteration in iterations:
                if iteration.run_id == task_run_id:
                    return iteration, loop
        raise InvalidRequest(f"The run has no task with the id {task_run_id}.")

    def find_loop(self, run_id: int, task: str) -> RunTask:
        """Return the last attempt of a for-each task.

        :raises RunNotFound: the run does not exist, or belongs to another job.
        :raises InvalidRequest: the run has no such for-each task.
        """
        loop = self.find_task(run_id, task)
        if loop.for_each_task is None:
            raise InvalidRequest(f"The task {quote(task)} is no for-each task.")
        return loop

    def list_iterations(self, loop: RunTask) -> list[Iteration]:
        """Return the iterations of a for-each task with all their attempts, in order."""
        return parse_iterations(self.get_iterations(loop).value, self._job.secret_overrides)

    def get_iteration_outputs(
        self, loop: RunTask, iterations: Sequence[Iteration]
    ) -> dict[int, Output]:
        """Return the outputs of ended iterations by the run ids of their attempts.

        :raises UpstreamTimeout: the time is up.
        """
        wanted = {each.run_id for each in iterations}
        ended = [
            each for each in self.read_iterations(loop) if each.run_id in wanted and has_ended(each)
        ]
        outputs = self.run_concurrently(self._read_or_explain, ended)
        return {int(task.run_id or 0): output for task, output in zip(ended, outputs, strict=True)}

    def read_log(self, task: RunTask, offset: int, limit: int) -> LogPart:
        """Return a part of a task's log.

        :param offset: of the first byte; a negative one counts from the end.
        :param limit: bytes.
        """
        part = self._calls.get_log_part(int(task.run_id or 0), offset, limit)
        if part is not None:
            return part
        if not has_ended(task):
            return LogPart()
        output = self._read_or_explain(task)
        return LogPart.from_whole(output.get("logs") or "", offset, limit)

    def poll(self, run_id: int) -> ApiResponse[Run]:
        """Read a run from the workspace, and store it in the cache.

        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        begun = self._cache.begin_read(self._job)
        run = self._calls.get_run(run_id)
        key = CacheKey(self._identity, self._job, f"run:{run_id}")
        self._cache.store(key, begun, run.document, is_final=has_ended(run.document))
        return run

    def _read_or_explain(self, task: RunTask | Run) -> Output:
        return read_or_explain(lambda: self.get_whole_output(task).copy_value())

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
