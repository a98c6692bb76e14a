"""The gateway to the workspace: the reads and writes of the extension, past the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from databricks.sdk.service.jobs import (
    BaseRun,
    JobPermissions,
    Run,
    RunNowResponse,
    RunOutput,
    RunTask,
    TaskDependency,
)
from databricks.sdk.service.jobs import Job as SdkJob

from ..errors import JobNotFound, LakeflowJobsError, RunNotFound, UpstreamError
from ..identity import APP
from ..runs import RUNS_PER_PAGE
from .calls import MAX_CONCURRENT_CALLS, Call, CallResources, RetryPolicy
from .clients import Clients, NotRetried, WorkspaceAddress
from .error_mapping import NO_ENDPOINT, ErrorContext, translate_error
from .failures import IncompleteResponse
from .jobs_api import (
    ApiResponse,
    JobsApiClient,
    check_list_arguments,
    parse_performance_target,
    parse_queue,
)
from .read_cache import ReadCache

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from ..cache import SharedCache
    from ..clock import Clock
    from ..config.jobs import Job
    from ..config.settings import AppSettings
    from ..identity import Identity
    from ..runs.output_parts import LogPart

T = TypeVar("T")


@lru_cache(maxsize=10_000)
def _dependency(task_key: Any, outcome: Any) -> TaskDependency:
    return TaskDependency(task_key=task_key, outcome=outcome)


class Upstream:
    """The workspace of one app.

    :param local: finds or starts the local workspace; ``None`` if the app uses a real one.
    :param get_max_timeout: as for :class:`.CallResources`.
    """

    def __init__(
        self,
        settings: AppSettings,
        local: Callable[[], WorkspaceAddress] | None,
        shared: SharedCache,
        clock: Clock,
        get_max_timeout: Callable[[], float],
    ) -> None:
        self.read_policy = RetryPolicy(settings.read_timeout, settings.read_attempts)
        self.write_policy = RetryPolicy(settings.write_timeout)
        self.cache = ReadCache(shared, clock, final_ttl=settings.cache_ttl)
        clients = Clients(
            settings.sdk,
            local,
            timeout=max(settings.read_timeout, settings.write_timeout),
            connections=MAX_CONCURRENT_CALLS,
            clock=clock,
        )
        self.call_resources = CallResources(clients, clock, get_max_timeout)

    @property
    def max_read_seconds(self) -> float:
        """The timeout of one read, or less if the server kills the caller's request before."""
        return min(self.read_policy.timeout, self.call_resources.get_max_timeout())

    #: The SDK's dataclasses for documents of the Jobs API.
    parse_run = staticmethod(Run.from_dict)
    parse_base_run = staticmethod(BaseRun.from_dict)
    parse_job = staticmethod(SdkJob.from_dict)
    parse_output = staticmethod(RunOutput.from_dict)

    @staticmethod
    def parse_task(document: Mapping[str, Any]) -> RunTask:
        """Parse a task. Equal dependencies are one object: 200 tasks may have 20,000 of them."""
        task = RunTask.from_dict({**document, "depends_on": None})
        task.depends_on = [
            _dependency(each.get("task_key"), each.get("outcome"))
            for each in document.get("depends_on") or ()
        ]
        return task

    def bind(self, identity: Identity, job: Job) -> BoundUpstream:
        """Return the calls about one job, made with one identity."""
        return BoundUpstream(self, identity, job)

    def get_current_user(self) -> dict[str, Any]:
        """Return the app's user or service principal (SCIM), and the response's ``Date``."""
        context = ErrorContext(APP)
        call = Call(self.call_resources, "who_am_i", _get_current_user, self.read_policy, context)
        return call.run()

    def open_connection(self) -> None:
        """Log in as the app and send one request, so that its next call finds a connection.

        This is neither retried nor counted by the circuit breaker.

        :raises LakeflowJobsError: the login or the request failed.
        """
        try:
            _get_current_user(self.call_resources.clients.get_client(APP))
        except NotRetried as error:
            raise translate_error(error.failure, ErrorContext(APP)) from None
        except Exception as error:
            raise translate_error(error, ErrorContext(APP)) from error


def _get_current_user(client: WorkspaceClient) -> dict[str, Any]:
    path = "/api/2.0/preview/scim/v2/Me"
    user = client.api_client.do("GET", path, response_headers=["Date"])
    if not isinstance(user, dict):
        raise IncompleteResponse("A user that is no object.")
    return user


class BoundUpstream:
    """The calls about one job, made with one identity."""

    def __init__(self, upstream: Upstream, identity: Identity, job: Job) -> None:
        self._upstream = upstream
        self._identity = identity
        self._job = job

    def get_job(self) -> ApiResponse[SdkJob]:
        """Return the job's definition.

        :raises JobNotFound: the workspace has no job with this id.
        """
        return self._read("get_job", lambda api: api.get_job(self._job.job_id))

    def get_run(
        self, run_id: int, *, history: bool = False, resolved: bool = False
    ) -> ApiResponse[Run]:
        """Return a run with all its tasks.

        :param history: include its repairs.
        :param resolved: include the values of the tasks' parameters.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        run = self._read(
            "get_run",
            lambda api: api.get_run(run_id, history=history, resolved=resolved),
            run_id=run_id,
        )
        return self._check_job_of(run)

    def get_run_and_server_time(self, run_id: int) -> tuple[ApiResponse[Run], float | None]:
        """Return a run, with only the first page of its tasks, and the workspace's time.

        :return: the time in seconds since the epoch; ``None`` if the response has none.
        :raises RunNotFound: the run does not exist, or belongs to another job.
        """
        run, server_time = self._read(
            "get_run", lambda api: api.get_run_first_page(run_id), run_id=run_id
        )
        return self._check_job_of(run), server_time

    def list_runs(self, limit: int, **filters: Any) -> list[ApiResponse[BaseRun]]:
        """Return the newest runs, newest first.

        :param filters: as the Jobs API names them.
        :raises InvalidRequest: the limit is not a positive integer, or no run can match.
        """
        check_list_arguments(limit, filters)
        return self._read("list_runs", lambda api: api.list_runs(self._job.job_id, limit, filters))

    def list_ended_runs(self) -> list[ApiResponse[BaseRun]]:
        """Return one page of the newest ended runs, with the first 100 tasks of each."""
        filters = {"completed_only": True, "expand_tasks": True}
        job_id = self._job.job_id
        return self._read(
            "list_runs", lambda api: api.list_runs(job_id, RUNS_PER_PAGE, filters, all_tasks=False)
        )

    def list_active_runs(self, limit: int) -> list[ApiResponse[Run]]:
        """Return the newest active runs with their tasks."""
        runs = self.list_runs(limit, active_only=True, expand_tasks=True)
        return [ApiResponse(run.document, Run.from_dict(run.document)) for run in runs]

    def get_task_output(self, task_run_id: int) -> ApiResponse[RunOutput]:
        """Return the output of one task.

        :param task_run_id: the run id of the task, not of the job's run.
        """
        return self._read(
            "get_run_output", lambda api: api.get_task_output(task_run_id), run_id=task_run_id
        )

    def export_notebook(self, task_run_id: int) -> dict[str, Any]:
        """Return what ``runs/export`` returns of the run of a notebook.

        :param task_run_id: the run id of the task, not of the job's run.
        """
        return self._read(
            "export_run", lambda api: api.export_notebook(task_run_id), run_id=task_run_id
        )

    def get_log_part(self, task_run_id: int, offset: int, limit: int) -> LogPart | None:
        """Return a part of a task's log; ``None`` if the workspace is not the local one."""
        try:
            return self._read(
                "get_log_part",
                lambda api: api.get_log_part(task_run_id, offset, limit),
                run_id=task_run_id,
            )
        except UpstreamError as error:
            if error.upstream_code == NO_ENDPOINT:  # another Jobs API on this machine
                return None
            raise

    def get_permissions(self) -> JobPermissions:
        """Return the permissions on the job.

        :raises NotAllowed: the identity may not read them.
        """
        return self._read("get_permissions", lambda api: api.get_permissions(self._job.job_id))

    def run_now(
        self,
        fields: Mapping[str, Any],
        *,
        token: str,
        is_repeatable: bool,
        only: Sequence[str] | None = None,
        queue: bool | None = None,
        performance_target: str | None = None,
    ) -> RunNowResponse:
        """Start one run, even if the request has to be repeated.

        :param fields: run-now's, with the parameters in them.
        :param token: the idempotency token.
        :param is_repeatable: whether the caller can repeat the call with the same token.
        :param only: the task keys to run.
        :param queue: whether to queue the run if the job is at its limit of concurrent runs.
        :param performance_target: ``STANDARD`` or ``PERFORMANCE_OPTIMIZED``.
        :raises InvalidParameters: the workspace does not accept them.
        """
        body: dict[str, Any] = {
            **fields,
            "idempotency_token": token,
            "only": list(only) if only else None,
            "queue": parse_queue(queue),
            "performance_target": parse_performance_target(performance_target),
        }
        return self._write(
            "run_now",
            lambda api: api.run_now(self._job.job_id, body),
            has_params=True,
            is_repeatable=is_repeatable,
        )

    def cancel_run(self, run_id: int) -> None:
        """Request the cancellation of a run; the run ends a little later.

        :raises RunNotFound: the run does not exist.
        """
        self._write("cancel_run", lambda api: api.cancel_run(run_id), run_id=run_id)

    def cancel_all_runs(self) -> None:
        self._write("cancel_all_runs", lambda api: api.cancel_all_runs(self._job.job_id))

    def change_job(self, build: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Replace some settings of the job.

        The Jobs API replaces each of them as a whole, and does not say whether somebody else has
        edited it since it was read. So each attempt reads the settings just before it replaces
        them.

        :param build: returns the settings that change, each as a whole, from those of the job, as
            the Jobs API names them; empty: none.
        """

        def change(api: JobsApiClient) -> None:
            changes = build(api.get_job(self._job.job_id).document["settings"])
            if changes:
                api.update_job(self._job.job_id, changes)

        self._write("update_job", change)

    def repair_run(self, run_id: int, fields: Mapping[str, Any]) -> int:
        """Run tasks of an ended run again.

        The call is never retried: a second repair request would start a second repair.

        :param fields: of runs/repair, as the Jobs API names them.
        :return: the id of the repair.
        """
        return self._write(
            "repair_run",
            lambda api: api.repair_run(run_id, fields),
            run_id=run_id,
            attempts=1,
            has_params=True,
            is_repeatable=False,
        )

    def _read(
        self, operation: str, send: Callable[[JobsApiClient], T], *, run_id: int | None = None
    ) -> T:
        context = ErrorContext(self._identity, partial(self._not_found, run_id))
        return self._call(operation, send, self._upstream.read_policy, context)

    def _write(
        self,
        operation: str,
        send: Callable[[JobsApiClient], T],
        *,
        run_id: int | None = None,
        attempts: float | None = None,
        has_params: bool = False,
        is_repeatable: bool = True,
    ) -> T:
        policy = self._upstream.write_policy
        if attempts is not None:
            policy = replace(policy, attempts=attempts)
        context = ErrorContext(
            self._identity, partial(self._not_found, run_id), has_params, is_repeatable
        )
        try:
            return self._call(operation, send, policy, context)
        finally:
            # even if the write failed: it may be ambiguous
            self._upstream.cache.invalidate(self._job)

    def _call(
        self,
        operation: str,
        send: Callable[[JobsApiClient], T],
        policy: RetryPolicy,
        context: ErrorContext,
    ) -> T:
        call = Call(
            self._upstream.call_resources,
            operation,
            lambda client: send(JobsApiClient(client)),
            policy,
            context,
            job=self._job.key,
        )
        return call.run()

    def _check_job_of(self, run: ApiResponse[Run]) -> ApiResponse[Run]:
        if run.value.job_id != self._job.job_id:
            raise self._not_found(int(run.value.run_id or 0), None)
        return run

    def _not_found(self, run_id: int | None, code: str | None) -> LakeflowJobsError:
        if run_id is not None:
            return RunNotFound(run_id, self._job.key, upstream_code=code)
        return JobNotFound(
            f"The workspace has no job {self._job.job_id}, the id of {self._job.key!r}, or hides it"
            " from this identity. Check the id that the app is configured with.",
            upstream_code=code,
        )
