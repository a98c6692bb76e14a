"""The calls upstream, in two tiers: reads and writes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from databricks.sdk.service.jobs import (
    BaseRun,
    Job,
    JobPermissions,
    QueueSettings,
    RepairRunResponse,
    Run,
    RunNowResponse,
    RunOutput,
)

from ..errors import JobNotFound, LakeflowJobsError, RunNotFound
from .calls import MAX_CONCURRENT_CALLS, Caller, RetryPolicy
from .clients import Clients, WorkspaceAddress
from .error_mapping import IncompleteResponse, MakeNotFound
from .jobs_api import ApiResponse, JobsApiClient, check_range, sdk_fields, sdk_performance_target
from .read_cache import ReadCache

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from ..cache import SharedCache
    from ..clock import Clock
    from ..config.jobs import Job as NamedJob
    from ..config.settings import Settings
    from ..identity import Identity

T = TypeVar("T")


class Upstream:
    """The workspace of one app.

    :param settings: the app's.
    :param local: finds or starts the local workspace; ``None`` where a real one is used.
    :param shared: what the app's processes share.
    :param clock: the time.
    """

    def __init__(
        self,
        settings: Settings,
        local: Callable[[], WorkspaceAddress] | None,
        shared: SharedCache,
        clock: Clock,
    ) -> None:
        self._read = RetryPolicy(settings.read_timeout, settings.read_attempts)
        self._write = RetryPolicy(settings.write_timeout, math.inf)
        self.cache = ReadCache(shared, clock, settled_for=settings.cache_ttl)
        clients = Clients(
            settings.sdk,
            local,
            timeout=max(settings.read_timeout, settings.write_timeout),
            connections=MAX_CONCURRENT_CALLS,
            clock=clock,
        )
        self._caller = Caller(clients, clock)

    #: The SDK's dataclasses of what the Jobs API spells in JSON.
    parse_run = staticmethod(Run.from_dict)
    parse_base_run = staticmethod(BaseRun.from_dict)
    parse_job = staticmethod(Job.from_dict)
    parse_output = staticmethod(RunOutput.from_dict)

    # ── reads, past the cache ─────────────────────────────────────────────────────────────────────

    def get_job(self, identity: Identity, job: NamedJob) -> ApiResponse[Job]:
        """The job's definition.

        :raises JobNotFound: the workspace has none with that id.
        """
        return self._caller.make(
            "get_job",
            identity,
            job,
            self._read,
            lambda workspace: JobsApiClient(workspace).get_job(job.job_id),
            missing=_no_job(job),
        )

    def get_run(
        self, identity: Identity, job: NamedJob, run_id: int, *, history: bool = False
    ) -> ApiResponse[Run]:
        """A run with all its tasks.

        :param history: with its repairs.
        :raises RunNotFound: there is none, or it belongs to another job.
        """
        run = self._caller.make(
            "get_run",
            identity,
            job,
            self._read,
            lambda workspace: JobsApiClient(workspace).get_run(run_id, history=history),
            missing=_no_run(job, run_id),
        )
        return _of_job(job, run)

    def get_run_and_server_time(
        self, identity: Identity, job: NamedJob, run_id: int
    ) -> tuple[ApiResponse[Run], float | None]:
        """A run without the tasks beyond its first page, and what time the workspace has.

        :return: the time in seconds since the epoch; ``None``: the workspace does not tell.
        :raises RunNotFound: there is none, or it belongs to another job.
        """
        run, now = self._caller.make(
            "get_run",
            identity,
            job,
            self._read,
            lambda workspace: JobsApiClient(workspace).get_run_first_page(run_id),
            missing=_no_run(job, run_id),
        )
        return _of_job(job, run), now

    def list_runs(
        self, identity: Identity, job: NamedJob, limit: int, **filters: Any
    ) -> list[ApiResponse[BaseRun]]:
        """The newest runs of a job, newest first, over as many pages as it takes.

        :param limit: the most runs.
        :param filters: as the Jobs API names them.
        :raises InvalidRequest: the limit is no positive whole number, or no run can match.
        """
        check_range(limit, filters)
        return self._caller.make(
            "list_runs",
            identity,
            job,
            self._read,
            lambda workspace: JobsApiClient(workspace).list_runs(job.job_id, limit, filters),
            missing=_no_job(job),
        )

    def list_active_runs(
        self, identity: Identity, job: NamedJob, most: int
    ) -> list[ApiResponse[Run]]:
        """The newest runs of a job that go on, with their tasks.

        :param most: the most runs.
        """
        runs = self.list_runs(identity, job, most, active_only=True, expand_tasks=True)
        return [ApiResponse(run.document, Run.from_dict(run.document)) for run in runs]

    def get_task_output(
        self, identity: Identity, job: NamedJob, task_run_id: int
    ) -> ApiResponse[RunOutput]:
        """What one task left.

        :param task_run_id: the run id of the task, not of the job's run.
        """
        return self._caller.make(
            "get_run_output",
            identity,
            job,
            self._read,
            lambda workspace: JobsApiClient(workspace).get_task_output(task_run_id),
            missing=_no_run(job, task_run_id),
        )

    def get_permissions(self, identity: Identity, job: NamedJob) -> JobPermissions:
        """Who may do what with a job.

        :raises NotAllowed: the identity may not know that.
        """
        return self._caller.make(
            "get_permissions",
            identity,
            job,
            self._read,
            lambda workspace: workspace.jobs.get_permissions(str(job.job_id)),
            missing=_no_job(job),
        )

    def get_current_user(self, identity: Identity) -> dict[str, Any]:
        """The identity as the workspace knows it (SCIM), and the ``Date`` of the answer."""

        def ask(workspace: WorkspaceClient) -> Any:
            api = workspace.api_client
            return api.do("GET", "/api/2.0/preview/scim/v2/Me", response_headers=["Date"])

        return dict(self._caller.make("who_am_i", identity, None, self._read, ask))

    # ── writes ────────────────────────────────────────────────────────────────────────────────────

    def run_now(
        self,
        identity: Identity,
        job: NamedJob,
        fields: Mapping[str, Any],
        *,
        token: str | None = None,
        only: Sequence[str] | None = None,
        queue: bool | None = None,
        performance_target: str | None = None,
    ) -> RunNowResponse:
        """Start a run, once, however often the request has to be sent.

        :param fields: run-now's own, with the parameters in them.
        :param token: the idempotency token; without one, a fresh one is made.
        :param only: the task keys to run.
        :param queue: whether to queue where no slot is free.
        :param performance_target: ``STANDARD`` or ``PERFORMANCE_OPTIMIZED``.
        :raises InvalidParameters: the workspace refuses them.
        """
        arguments: dict[str, Any] = {
            **sdk_fields(fields),
            "idempotency_token": token or uuid.uuid4().hex,
            "only": list(only) if only else None,
            "queue": None if queue is None else QueueSettings(enabled=queue),
            "performance_target": sdk_performance_target(performance_target),
        }

        def trigger(workspace: WorkspaceClient) -> RunNowResponse:
            try:
                response: RunNowResponse = workspace.jobs.run_now(job.job_id, **arguments).response
            except KeyError as error:  # so the SDK says that the answer names no run
                raise IncompleteResponse("An answer to run-now has no run_id.") from error
            if not str(response.run_id).isdecimal():  # older SDKs take anything for an id
                raise IncompleteResponse("An answer to run-now has no run_id.")
            return response

        with self._changing(job):
            return self._caller.make(
                "run_now",
                identity,
                job,
                self._write,
                trigger,
                missing=_no_job(job),
                refused_as_params=True,
                is_repeatable=token is not None,
            )

    def cancel_run(self, identity: Identity, job: NamedJob, run_id: int) -> None:
        """Ask for the end of a run; it comes a little later.

        :raises RunNotFound: there is none.
        """
        with self._changing(job):
            self._caller.make(
                "cancel_run",
                identity,
                job,
                self._write,
                lambda workspace: _nothing(workspace.jobs.cancel_run(run_id)),
                missing=_no_run(job, run_id),
            )

    def cancel_all_runs(self, identity: Identity, job: NamedJob) -> None:
        """Ask for the end of all runs of a job."""
        with self._changing(job):
            self._caller.make(
                "cancel_all_runs",
                identity,
                job,
                self._write,
                lambda workspace: workspace.jobs.cancel_all_runs(job_id=job.job_id),
                missing=_no_job(job),
            )

    def repair_run(
        self, identity: Identity, job: NamedJob, run_id: int, arguments: Mapping[str, Any]
    ) -> int:
        """Run tasks of an ended run again. Not retried: a second repair would be another one.

        :param arguments: as the SDK's ``repair_run`` takes them.
        :return: the id of the repair.
        """
        fields = sdk_fields(arguments)

        def repair(workspace: WorkspaceClient) -> int:
            response: RepairRunResponse = workspace.jobs.repair_run(run_id, **fields).response
            return int(_with("repair_id", response).repair_id or 0)

        with self._changing(job):
            return self._caller.make(
                "repair_run",
                identity,
                job,
                RetryPolicy(self._write.timeout, attempts=1),
                repair,
                missing=_no_run(job, run_id),
                refused_as_params=True,
                is_repeatable=False,
            )

    def invalidate(self, job: NamedJob) -> None:
        """Serve nothing that was read of a job before now, in no process.

        :param job: the job.
        """
        self.cache.invalidate(job)

    @contextmanager
    def _changing(self, job: NamedJob) -> Iterator[None]:
        """Whatever comes of a write, nothing that was read before it is served after it."""
        try:
            yield
        finally:
            self.cache.invalidate(job)


def _with(name: str, answer: T) -> T:
    """An answer that has to have something."""
    if getattr(answer, name) is None:
        raise IncompleteResponse(f"An answer has no {name}.")
    return answer


def _of_job(job: NamedJob, run: ApiResponse[Run]) -> ApiResponse[Run]:
    if run.value.job_id != job.job_id:
        raise RunNotFound(int(run.value.run_id or 0), job.key)
    return run


def _nothing(_: object) -> None:
    """Leave the SDK's waiter behind."""


def _no_job(job: NamedJob) -> MakeNotFound:
    def missing(code: str | None) -> LakeflowJobsError:
        return JobNotFound(
            f"The workspace has no job {job.job_id}, the id of {job.key!r}, or the identity may"
            " not see it. Check the id that the app is configured with.",
            upstream_code=code,
        )

    return missing


def _no_run(job: NamedJob, run_id: int) -> MakeNotFound:
    return lambda code: RunNotFound(run_id, job.key, upstream_code=code)
