"""The calls upstream: two tiers, one retry layer, one deadline each."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from databricks.sdk.service.jobs import (
    BaseRun,
    Job,
    JobPermissions,
    PerformanceTarget,
    PipelineParams,
    QueueSettings,
    RepairRunResponse,
    Run,
    RunNowResponse,
    RunOutput,
)
from tenacity import RetryCallState, Retrying, retry_if_exception

from .. import telemetry
from ..errors import (
    InvalidParameters,
    JobNotFound,
    LakeflowJobsError,
    RunNotFound,
)
from .breaker import Breaker
from .cache import ReadCache
from .clients import Address, Clients, NotRetried
from .faults import (
    HollowAnswer,
    Missing,
    is_silence,
    is_unreachable,
    may_pass,
    retry_after,
    translate,
)
from .reads import Reads
from .workers import Workers

if TYPE_CHECKING:
    from databricks.sdk.mixins.jobs import JobsExt

    from ..clock import Clock
    from ..config import Settings
    from ..identity import Identity
    from ..job_config import Job as NamedJob
    from ..shared import Shared

T = TypeVar("T")

#: Runs in one page of runs/list: what the Jobs API gives at most.
PAGE = 25
MOST_CALLS = 64
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 2.0
HOPELESS_ATTEMPTS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tier:
    """How long a kind of call may take, and how often it is tried.

    :param timeout: seconds for the whole call, retries included.
    :param attempts: the most attempts; ``None``: as many as fit.
    """

    timeout: float
    attempts: int | None


class Upstream:
    """The workspace of one app.

    :param settings: the app's.
    :param local: finds or starts the embedded workspace; ``None`` where a real one is used.
    :param shared: what the app's processes share.
    :param clock: the time.
    """

    def __init__(
        self,
        settings: Settings,
        local: Callable[[], Address] | None,
        shared: Shared,
        clock: Clock,
    ) -> None:
        self._read = Tier(settings.read_timeout, settings.read_attempts)
        self._write = Tier(settings.write_timeout, None)
        self._clock = clock
        self._cache = ReadCache(shared, clock, settled_for=settings.cache_ttl)
        self._breaker = Breaker(clock.monotonic)
        self._workers = Workers(MOST_CALLS)
        self._clients = Clients(
            settings.sdk,
            local,
            timeout=max(settings.read_timeout, settings.write_timeout),
            clock=clock,
        )

    def reads(self, identity: Identity, job: NamedJob, *, or_stale: bool = False) -> Reads:
        """The reads of a job, through the cache.

        :param or_stale: whether an old answer, marked, is better than none.
        """
        return Reads(self, self._cache, identity, job, or_stale=or_stale)

    #: The SDK's dataclasses of what the Jobs API spells in JSON.
    run_of = staticmethod(Run.from_dict)
    base_run_of = staticmethod(BaseRun.from_dict)
    job_of = staticmethod(Job.from_dict)
    output_of = staticmethod(RunOutput.from_dict)

    # ── reads, past the cache ─────────────────────────────────────────────────────────────────────

    def get_job(self, identity: Identity, job: NamedJob) -> Job:
        """The job's definition.

        :raises JobNotFound: the workspace has none with that id.
        """
        return self._call(
            "get_job",
            identity,
            job,
            self._read,
            lambda api: _with("job_id", api.get(job.job_id)),
            missing=_no_job(job),
        )

    def get_run(
        self, identity: Identity, job: NamedJob, run_id: int, *, history: bool = False
    ) -> Run:
        """A run with all its tasks.

        :param history: with its repairs.
        :raises RunNotFound: there is none, or it belongs to another job.
        """
        run = self._call(
            "get_run",
            identity,
            job,
            self._read,
            lambda api: _with("run_id", api.get_run(run_id, include_history=history or None)),
            missing=_no_run(job, run_id),
        )
        if run.job_id != job.job_id:
            raise RunNotFound(run_id, job.key)
        return run

    def list_runs(
        self, identity: Identity, job: NamedJob, limit: int, **filters: Any
    ) -> list[BaseRun]:
        """The newest runs of a job, newest first, over as many pages as it takes.

        :param limit: the most runs.
        :param filters: as the SDK's ``list_runs`` takes them.
        """

        def pages(api: JobsExt) -> list[BaseRun]:
            runs = api.list_runs(job_id=job.job_id, limit=min(limit, PAGE), **filters)
            return list(islice(runs, limit))

        return self._call("list_runs", identity, job, self._read, pages, missing=_no_job(job))

    def active_runs(self, identity: Identity, job: NamedJob, most: int) -> list[Run]:
        """The newest runs of a job that go on, with their tasks.

        :param most: the most runs.
        """
        runs = self.list_runs(identity, job, most, active_only=True, expand_tasks=True)
        return [Run.from_dict(run.as_dict()) for run in runs]

    def get_task_output(self, identity: Identity, job: NamedJob, task_run_id: int) -> RunOutput:
        """What one task left.

        :param task_run_id: the run id of the task, not of the job's run.
        """
        return self._call(
            "get_run_output",
            identity,
            job,
            self._read,
            lambda api: api.get_run_output(task_run_id),
            missing=_no_run(job, task_run_id),
        )

    def get_permissions(self, identity: Identity, job: NamedJob) -> JobPermissions:
        """Who may do what with a job.

        :raises NotAllowed: the identity may not know that.
        """
        return self._call(
            "get_permissions",
            identity,
            job,
            self._read,
            lambda api: api.get_permissions(str(job.job_id)),
            missing=_no_job(job),
        )

    def who_am_i(self, identity: Identity) -> dict[str, Any]:
        """The identity as the workspace knows it (SCIM), and the ``Date`` of the answer."""

        def ask(_: JobsExt) -> Any:
            api = self._clients.client(identity).api_client
            return api.do("GET", "/api/2.0/preview/scim/v2/Me", response_headers=["Date"])

        return dict(self._call("who_am_i", identity, None, self._read, ask))

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
            **_sdk_fields(fields),
            "idempotency_token": token or uuid.uuid4().hex,
            "only": list(only) if only else None,
            "queue": None if queue is None else QueueSettings(enabled=queue),
            "performance_target": _performance_target(performance_target),
        }

        def trigger(api: JobsExt) -> RunNowResponse:
            try:
                response: RunNowResponse = api.run_now(job.job_id, **arguments).response
            except KeyError as error:  # so the SDK says that the answer names no run
                raise HollowAnswer("An answer to run-now has no run_id.") from error
            return response

        with self._changing(job):
            return self._call(
                "run_now",
                identity,
                job,
                self._write,
                trigger,
                missing=_no_job(job),
                refused_as_params=True,
            )

    def cancel_run(self, identity: Identity, job: NamedJob, run_id: int) -> None:
        """Ask for the end of a run; it comes a little later.

        :raises RunNotFound: there is none.
        """
        with self._changing(job):
            self._call(
                "cancel_run",
                identity,
                job,
                self._write,
                lambda api: _nothing(api.cancel_run(run_id)),
                missing=_no_run(job, run_id),
            )

    def cancel_all_runs(self, identity: Identity, job: NamedJob) -> None:
        """Ask for the end of all runs of a job."""
        with self._changing(job):
            self._call(
                "cancel_all_runs",
                identity,
                job,
                self._write,
                lambda api: api.cancel_all_runs(job_id=job.job_id),
                missing=_no_job(job),
            )

    def repair_run(
        self, identity: Identity, job: NamedJob, run_id: int, arguments: Mapping[str, Any]
    ) -> int:
        """Run tasks of an ended run again. Not retried: a second repair would be another one.

        :param arguments: as the SDK's ``repair_run`` takes them.
        :return: the id of the repair.
        """
        fields = _sdk_fields(arguments)

        def repair(api: JobsExt) -> int:
            response: RepairRunResponse = api.repair_run(run_id, **fields).response
            return int(response.repair_id or 0)

        with self._changing(job):
            return self._call(
                "repair_run",
                identity,
                job,
                Tier(self._write.timeout, attempts=1),
                repair,
                missing=_no_run(job, run_id),
                refused_as_params=True,
            )

    # ── how a call is made ────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _changing(self, job: NamedJob) -> Iterator[None]:
        """Whatever comes of a write, nothing that was read before it is served after it."""
        try:
            yield
        finally:
            self._cache.forget(job)

    def _call(
        self,
        operation: str,
        identity: Identity,
        job: NamedJob | None,
        tier: Tier,
        call: Callable[[JobsExt], T],
        *,
        missing: Missing | None = None,
        refused_as_params: bool = False,
    ) -> T:
        deadline = self._clock.monotonic() + tier.timeout

        def attempt() -> T:
            told.count()
            try:
                return call(self._clients.jobs(identity))
            except NotRetried as stopped:
                cause = stopped.__context__
                raise (cause if cause is not None else stopped) from None

        def left() -> float:
            return deadline - self._clock.monotonic()

        def is_over(state: RetryCallState) -> bool:
            error = _error(state)
            is_hopeless = is_unreachable(error) or isinstance(error, HollowAnswer)
            most = HOPELESS_ATTEMPTS if is_hopeless else tier.attempts
            tried_enough = most is not None and state.attempt_number >= most
            return tried_enough or _longest_pause(state) >= left()

        def before_next(state: RetryCallState) -> None:
            error = _error(state)
            _log.info("A call to the workspace failed and is tried again: %s", error)
            if is_unreachable(error):
                self._clients.lost()

        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            stop=is_over,
            wait=_pause,
            sleep=self._clock.sleep,
            before_sleep=before_next,
            reraise=True,
        )
        with telemetry.upstream_call(operation, job.key if job else None) as told:
            self._breaker.check()
            try:
                result = retrying(
                    lambda: self._workers.run(told.carried(attempt), max(left(), 0.0))
                )
            except Exception as error:
                if is_silence(error):
                    self._breaker.was_silent()
                else:
                    self._breaker.answered()
                raise translate(
                    error, identity, missing=missing, refused_as_params=refused_as_params
                ) from error
            self._breaker.answered()
            return result


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _longest_pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as the workspace asks, else growing."""
    asked = retry_after(_error(state))
    if asked is not None:
        return asked
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (state.attempt_number - 1)))


def _pause(state: RetryCallState) -> float:
    """The same, not in step with others unless the workspace asks for it."""
    longest = _longest_pause(state)
    asked = retry_after(_error(state)) is not None
    return longest if asked else longest * random.uniform(0.5, 1.0)  # noqa: S311


def _with(name: str, answer: T) -> T:
    """An answer that has to have something."""
    if getattr(answer, name) is None:
        raise HollowAnswer(f"An answer has no {name}.")
    return answer


def _nothing(_: object) -> None:
    """Leave the SDK's waiter behind."""


def _sdk_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    pipeline = fields.get("pipeline_params")
    if not isinstance(pipeline, Mapping):
        return dict(fields)
    return {**fields, "pipeline_params": PipelineParams.from_dict(dict(pipeline))}


def _performance_target(word: str | None) -> PerformanceTarget | None:
    if word is None:
        return None
    try:
        return PerformanceTarget(word)
    except ValueError:
        known = ", ".join(target.value for target in PerformanceTarget)
        raise InvalidParameters(
            f"performance_target must be one of {known}, not {word!r}.",
            {"performance_target": [f"Must be one of {known}."]},
        ) from None


def _no_job(job: NamedJob) -> Missing:
    def missing(code: str | None) -> LakeflowJobsError:
        return JobNotFound(
            f"The workspace has no job {job.job_id}, the id of {job.key!r}, or the identity may"
            " not see it. Check the id that the app is configured with.",
            upstream_code=code,
        )

    return missing


def _no_run(job: NamedJob, run_id: int) -> Missing:
    return lambda code: RunNotFound(run_id, job.key, upstream_code=code)
