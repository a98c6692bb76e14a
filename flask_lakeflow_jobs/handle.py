"""Job handles: what Flask code calls to run, follow, read and change runs of a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from . import signals, telemetry
from .errors import HandleClosed, InvalidParameters, MissingUserToken
from .idempotency import RunOptions, RunStarter, Triggered
from .identity import HasHeaders, Identity, add_requester, display_name, read_user_identity
from .progress import ProgressReceiver
from .record.values import RowState
from .recording import PYTHON, Actor, Origin
from .results import wrap_call, wrap_watch
from .runs.explanation import Explanation, explain_run
from .runs.ids import parse_run_id
from .runs.outcome import RunStatus, has_ended
from .runs.params import (
    build_run_now_fields,
    normalize_task_keys,
    validate_params,
    validate_task_keys,
)
from .runs.progress import Progress
from .runs.progress_token import refuse_parameter
from .runs.repair import build_repair_arguments
from .runs.reports import select_progress
from .upstream.cached_reads import CachedReads
from .watching.iterator import RunWatch, iterate_run, iterate_run_async
from .watching.watched_run import RunKey

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .config.jobs import Job
    from .sdk_types import BaseRun, Run, RunOutput, SdkJob
    from .state import AppState
    from .upstream.gateway import BoundUpstream
    from .watching.snapshot import StateId
    from .watching.subscription import Subscription

_log = logging.getLogger("flask_lakeflow_jobs.audit")
_errors_log = logging.getLogger("flask_lakeflow_jobs")


class JobHandle:
    """One job, called with one identity. Get it from :data:`current_jobs`.

    A run id is a number or a string, such as one from a URL. Anything else raises
    :exc:`InvalidRequest`.

    Every call to the workspace can raise :exc:`UpstreamError` and its subclasses,
    :exc:`NotAllowed` if the identity lacks a permission, and :exc:`JobNotFound`. It ends within
    ``LAKEFLOW_JOBS_READ_TIMEOUT`` or, if it changes something, ``LAKEFLOW_JOBS_WRITE_TIMEOUT``.

    You can use a handle outside the app context in which you got it, and in other threads.
    """

    def __init__(
        self,
        state: AppState,
        job: Job,
        identity: Identity,
        *,
        is_operator: bool = False,
        origin: Origin = PYTHON,
    ) -> None:
        """Bind a job to an identity.

        :param is_operator: the caller operates the app on its command line and may use the app's
            own identity even for a job that runs as its users.
        :param origin: where the caller's actions come from, for the record.
        """
        self._state = state
        self._identity = identity
        self._is_operator = is_operator
        self._origin = origin
        self._is_closed = False
        self.job = job

    def __repr__(self) -> str:
        actor = "a user" if self._identity.is_user else "the app"
        return f"<JobHandle {self.key!r} (job {self.job.job_id}) as {actor}>"

    @property
    def key(self) -> str:
        """The job's key, as in ``current_jobs[key]``."""
        return self.job.key

    @property
    def results(self) -> Results:
        """The calls of the handle, with an :class:`ExecutionResult` instead of exceptions."""
        return Results(self)

    @contextmanager
    def as_user(self, request: HasHeaders) -> Iterator[JobHandle]:
        """Yield a handle that acts on behalf of the user of a request.

        The handle refuses to act after the block.

        :param request: the Flask request, with the user's token in the header
            ``X-Forwarded-Access-Token``.
        :raises MissingUserToken: the request has no token. The app's identity never replaces it.
        """
        identity = read_user_identity(request)
        handle = JobHandle(self._state, self.job, identity, origin=self._origin)
        try:
            yield handle
        finally:
            handle._is_closed = True

    def run_now(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        only: Sequence[str] | None = None,
        queue: bool | None = None,
        performance_target: str | None = None,
        requested_by: str | None = None,
    ) -> Triggered:
        """Start exactly one run, and return when the workspace has accepted it.

        :param params: the parameters, as the job's schema defines them; ``None``: none.
        :param idempotency_key: a repeated call with the same key returns the run of the first call.
            At most 255 characters over HTTP.
        :param only: the task keys to run, with ``+`` before or after a key to include the tasks
            upstream or downstream of it. A string is one key.
        :param queue: whether the run waits if the job has reached its maximum of concurrent runs;
            ``None``: as the job is configured.
        :param performance_target: ``STANDARD`` or ``PERFORMANCE_OPTIMIZED``.
        :param requested_by: the name of the requester, for the log, the signal and, if
            ``LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER`` is set, a job parameter.
        :raises InvalidParameters: the job does not accept the parameters. No run was started.
        :raises Conflict: the key was used before with other parameters.
        :raises ConfigurationError: the job cannot receive the name of the requester.
        """
        options: dict[str, Any] = {
            "only": normalize_task_keys(only),
            "queue": queue,
            "performance_target": performance_target,
        }
        with telemetry.observe_trigger(self.key) as observation:
            user = display_name(requested_by)
            starter = RunStarter(self._state, self._actor(user), self)
            fields = self._build_fields(params, user)
            try:
                if idempotency_key is None:
                    triggered = starter.start(fields, options)
                else:
                    key_parts = [idempotency_key, user] if user else [idempotency_key]
                    triggered = starter.start_idempotent(key_parts, fields, options)
            except InvalidParameters:
                self._check_tasks(only)  # names the job's tasks; the workspace does not
                raise
            run_id, replayed = triggered.run_id, triggered.replayed
            self._audit("replayed" if replayed else "triggered", run_id, user)
            self._send(signals.run_triggered, run_id, user=user, replayed=replayed)
            observation.set_attribute(telemetry.REPLAYED_ATTRIBUTE, replayed)
            return triggered

    def check(
        self, params: Mapping[str, Any] | None = None, *, only: Sequence[str] | None = None
    ) -> None:
        """Check the arguments of :meth:`run_now` without starting a run.

        :param params: as for :meth:`run_now`.
        :param only: as for :meth:`run_now`. Reads the definition of the job.

        :raises InvalidParameters: the job does not accept the parameters or has no such task.
        :raises ConfigurationError: the job cannot receive the name of the requester.
        """
        self._build_fields(params, None)
        self._check_tasks(only)

    def _check_tasks(self, only: Sequence[str] | None) -> None:
        if task_keys := normalize_task_keys(only):
            settings = self.get_job().settings
            tasks = [task.task_key for task in (settings and settings.tasks) or []]
            validate_task_keys(task_keys, tasks, self.key)

    def run_and_wait(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[RunOptions],
    ) -> RunWatch:
        """Start a run immediately and follow it. To wait only, use ``run_now(…).wait()``.

        :param params: as for :meth:`run_now`.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :param options: as for :meth:`run_now`.
        :return: an iterator of the run's states that ends with the terminal one.
        :raises RunTimeout: while iterating: the run did not end in time. It continues.
        """
        return self.watch(self.run_now(params, **options).run_id, timeout=timeout)

    def watch(self, run_id: int | str, *, timeout: float | None = None) -> RunWatch:
        """Follow an existing run.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :return: an iterator of the run's states that ends with the terminal one.
        :raises RunNotFound: while iterating: this job has no such run.
        :raises RunTimeout: while iterating: the run did not end in time. It continues.
        """
        run_key = self._run_key(run_id)
        seconds = self.job.wait_timeout if timeout is None else timeout
        hub, clock = self._state.hub, self._state.clock
        arguments = (run_key, hub, clock, seconds, self._require_identity)
        return RunWatch(
            run_key.run_id, iterate_run(*arguments), partial(iterate_run_async, *arguments)
        )

    def wait(self, run_id: int | str, *, timeout: float | None = None) -> RunStatus:
        """Wait for the end of a run and return its final state, also if the run failed.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :raises RunNotFound: this job has no such run.
        :raises RunTimeout: the run did not end in time. It continues.
        """
        *_, last = self.watch(run_id, timeout=timeout)
        return last

    def get_job(self) -> SdkJob:
        """Return the job's definition in the workspace."""
        return self._state.upstream.parse_job(cached_reads_of(self).get_job().copy_value())

    def last_run(self) -> BaseRun | None:
        """Return the newest run, or ``None`` if there is none."""
        runs = self.list_runs(1)
        return runs[0] if runs else None

    def list_runs(
        self,
        limit: int = 20,
        *,
        active_only: bool | None = None,
        completed_only: bool | None = None,
        expand_tasks: bool | None = None,
        start_time_from: int | None = None,
        start_time_to: int | None = None,
    ) -> list[BaseRun]:
        """Return the newest runs, newest first.

        :param limit: the maximum number of runs, at least 1. More than 25 take several requests.
        :param active_only: only runs that have not ended; not together with ``completed_only``.
        :param completed_only: only runs that have ended.
        :param expand_tasks: include the tasks of each run.
        :param start_time_from: the earliest start, in milliseconds since the epoch.
        :param start_time_to: the latest start, in milliseconds since the epoch.
        :raises InvalidRequest: the limit is below 1, or no run can match.
        """
        runs = cached_reads_of(self).list_runs(
            limit,
            active_only=active_only,
            completed_only=completed_only,
            expand_tasks=expand_tasks,
            start_time_from=start_time_from,
            start_time_to=start_time_to,
        )
        return [self._state.upstream.parse_base_run(run) for run in runs.copy_value()]

    def get_run(self, run_id: int | str) -> Run:
        """Return a run with all its tasks.

        :raises RunNotFound: this job has no such run.
        """
        document = cached_reads_of(self).get_run(parse_run_id(run_id)).copy_value()
        return self._state.upstream.parse_run(document)

    def status(self, run_id: int | str) -> RunStatus:
        """Return the state of a run. It has no expected end, which only :meth:`watch` estimates.

        :raises RunNotFound: this job has no such run.
        """
        response = cached_reads_of(self).get_run(parse_run_id(run_id))
        document = response.copy_value()
        timestamp = int((self._state.clock.now() - response.age) * 1000)
        reports = self._state.hub.read_progress((self.job.job_id, parse_run_id(run_id)))
        return RunStatus(
            timestamp,
            self._state.upstream.parse_run(document),
            document=document,
            progress=select_progress(document, reports),
        )

    def get_run_output(
        self, run_id: int | str, *, tasks: Sequence[str] | None = None
    ) -> RunOutput | dict[str, RunOutput]:
        """Return the output of a run with one task; otherwise as :meth:`get_outputs`."""
        outputs = self.get_outputs(run_id, tasks=tasks)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def get_outputs(
        self, run_id: int | str, *, tasks: Sequence[str] | None = None
    ) -> dict[str, RunOutput]:
        """Return the outputs of a run by task key, also of a run with one task.

        Only the last attempt of each task counts. If the workspace no longer has an output, its
        ``info`` says so. Each hundred outputs take at most the timeout of one read.

        :param tasks: the keys of the tasks to read; by default all. A string is one key.
        :raises RunNotFound: this job has no such run.
        :raises InvalidRequest: the run has no such task.
        :raises UpstreamTimeout: the workspace did not send the outputs in time.
        """
        task_keys = normalize_task_keys(tasks) or ()
        documents = cached_reads_of(self).get_outputs(parse_run_id(run_id), task_keys)
        parse = self._state.upstream.parse_output
        return {task_key: parse(document) for task_key, document in documents.items()}

    def explain(self, run_id: int | str) -> Explanation:
        """Explain why a run failed: its root-cause tasks, last attempt only, with error and trace.

        :raises RunNotFound: this job has no such run.
        """
        reads = cached_reads_of(self)
        document = reads.get_run(parse_run_id(run_id)).value
        run = self._state.upstream.parse_run(document)
        return explain_run(run, reads, document, reads.run_concurrently)

    def cancel_run(self, run_id: int | str, *, requested_by: str | None = None) -> None:
        """Request the cancellation of a run; it ends a little later. Ignore a run that has ended.

        :param requested_by: the name of the requester, for the log and the signal.
        :raises RunNotFound: this job has no such run.
        """
        run_id = parse_run_id(run_id)
        upstream = self._upstream()
        run = upstream.get_run(run_id).value  # raises for another job's run
        user = display_name(requested_by)
        with self._recorded("cancel", user, run_id):
            upstream.cancel_run(run_id)
        if has_ended(run):
            return
        self._state.hub.invalidate(self._run_key(run_id))
        self._audit("canceled", run_id, user)
        self._send(signals.run_canceled, run_id, user=user)

    def cancel_all_runs(self) -> None:
        """Request the cancellation of all runs of this job."""
        upstream = self._upstream()
        with self._recorded("cancel_all"):
            upstream.cancel_all_runs()
        self._state.hub.invalidate_job(self.job.job_id)

    def repair_run(
        self,
        run_id: int | str,
        *,
        rerun_tasks: Sequence[str] | None = None,
        rerun_dependent_tasks: bool | None = None,
        requested_by: str | None = None,
    ) -> int:
        """Rerun the failed tasks of an ended run with the parameters that it had.

        :param rerun_tasks: the task keys to rerun instead of all that failed. A string is one key.
        :param rerun_dependent_tasks: also rerun the tasks that depend on them.
        :param requested_by: the name of the requester, for the log and the signal.
        :return: the id of the repair.
        :raises RunNotFound: this job has no such run.
        :raises Conflict: the run has not ended, or it succeeded and no tasks were named.
        """
        run_id = parse_run_id(run_id)
        upstream = self._upstream()
        run = upstream.get_run(run_id, history=True).value
        arguments = build_repair_arguments(
            run,
            rerun_tasks=normalize_task_keys(rerun_tasks),
            rerun_dependent_tasks=rerun_dependent_tasks,
        )
        user = display_name(requested_by)
        with self._recorded("repair", user, run_id):
            repair_id = upstream.repair_run(run_id, arguments)
        self._state.send_repaired(self._run_key(run_id), repair_id, user)
        self._state.hub.reset(self._run_key(run_id))
        self._audit("repaired", run_id, user)
        return repair_id

    def report_progress(
        self,
        run_id: int | str,
        percent: float,
        message: str = "",
        *,
        task: str | None = None,
        token: str | None = None,
    ) -> None:
        """Show the viewers of an active run how far it is.

        :param percent: from 0 to 100.
        :param message: at most 1,000 characters, shown as one line.
        :param task: the task key; ``None``: the run as a whole.
        :param token: from the run's parameters, if it proves that the caller may report.
        :raises InvalidParameters: a value is invalid, or the run has no such task.
        :raises NotAllowed: the token is not valid for this run.
        :raises RunNotFound: this job has no such run.
        :raises Conflict: the run has ended.
        """
        timestamp = int(self._state.clock.now() * 1000)
        report = Progress.create(percent, message, task, timestamp)
        receiver = ProgressReceiver(self._state, self.job, self._require_identity())
        receiver.receive(parse_run_id(run_id), report, token)

    def _build_fields(self, params: Mapping[str, Any] | None, user: str | None) -> dict[str, Any]:
        """Return the fields of run-now that carry the parameters and the requester."""
        fields = build_run_now_fields(self.job.task_type, validate_params(self.job.schema, params))
        refuse_parameter(fields, self._state.settings.progress_parameter)
        attribution = self._state.settings.attribution_parameter
        return add_requester(fields, attribution, user, job=self.key)

    def _upstream(self) -> BoundUpstream:
        return self._state.upstream.bind(self._require_identity(), self.job)

    def _require_identity(self) -> Identity:
        """Return the identity to act with, or raise if this handle must not act."""
        if self._is_closed:
            raise HandleClosed(
                f"This handle on {self.key!r} acted as a user, and its block has ended. Make the"
                " call inside 'with … .as_user(request)'."
            )
        if self.job.run_as == "user" and not (self._identity.is_user or self._is_operator):
            raise MissingUserToken(
                f"The job {self.key!r} runs as its users. Call it inside"
                f" 'with current_jobs[{self.key!r}].as_user(request) as handle:'."
            )
        return self._identity

    def _run_key(self, run_id: int | str) -> RunKey:
        return RunKey(self._require_identity(), self.job, parse_run_id(run_id))

    def _actor(self, user: str | None) -> Actor:
        return Actor(self.job, self._require_identity(), self._origin, user)

    def _recorded(
        self, action: str, user: str | None = None, run_id: int | None = None
    ) -> AbstractContextManager[None]:
        return self._state.recording.record_call(self._actor(user), action, run_id)

    def _audit(self, action: str, run_id: int, user: str | None) -> None:
        """Log an action and its requester; never parameters, which may be secrets."""
        _log.info("Job %s, run %d: %s, requested by %r.", self.key, run_id, action, user)

    def _send(self, signal: Any, run_id: int, **payload: Any) -> None:
        signals.send(signal, self._state.app, job=self.key, run_id=run_id, **payload)


def cached_reads_of(handle: JobHandle, *, stale_if_error: bool = False) -> CachedReads:
    """Return the reads of a handle as documents of the Jobs API, each with its age.

    The interfaces use them: they serve documents, and not the SDK's dataclasses.

    :param stale_if_error: return a cached response, marked as stale, if the workspace does not
        respond.
    """
    identity, state = handle._require_identity(), handle._state
    on_end = None if state.ends is None else partial(_record_end, handle)
    return CachedReads(
        state.upstream, identity, handle.job, stale_if_error=stale_if_error, on_end=on_end
    )


def _record_end(handle: JobHandle, document: dict[str, Any]) -> None:
    """Record the end that a read has shown, if the record has the run without it."""
    state, run_key = handle._state, handle._run_key(document["run_id"])
    if state.record is None or state.ends is None:
        return
    try:
        recorded = state.record.get_run(run_key.job.job_id, run_key.run_id)
        if recorded is not None and recorded.state is RowState.STARTED:
            run, timestamp = state.upstream.parse_run(document), round(state.clock.now() * 1000)
            state.ends.finish(run_key, RunStatus(timestamp, run, document=document))
    except Exception as error:  # the reader gets the run nevertheless
        _errors_log.warning("The end of run %s was not recorded: %s", run_key.run_id, error)


def subscribe_to(
    handle: JobHandle, run_id: int | str, last_state: StateId | None = None
) -> Subscription:
    """Subscribe to the updates of a run. Close the subscription when you are done.

    :param last_state: the state that the subscriber already has.
    """
    return handle._state.hub.subscribe(handle._run_key(run_id), last_state)


class Results:
    """The calls of a handle, each returning an :class:`ExecutionResult`.

    ``run_and_wait`` and ``watch`` return a :class:`ResultWatch`.
    """

    def __init__(self, handle: JobHandle) -> None:
        self.cancel_all_runs = wrap_call(handle.cancel_all_runs)
        self.cancel_run = wrap_call(handle.cancel_run)
        self.check = wrap_call(handle.check)
        self.explain = wrap_call(handle.explain)
        self.get_job = wrap_call(handle.get_job)
        self.get_outputs = wrap_call(handle.get_outputs)
        self.get_run = wrap_call(handle.get_run)
        self.get_run_output = wrap_call(handle.get_run_output)
        self.last_run = wrap_call(handle.last_run)
        self.list_runs = wrap_call(handle.list_runs)
        self.repair_run = wrap_call(handle.repair_run)
        self.report_progress = wrap_call(handle.report_progress)
        self.run_and_wait = wrap_watch(handle.run_and_wait)
        self.run_now = wrap_call(handle.run_now)
        self.status = wrap_call(handle.status)
        self.wait = wrap_call(handle.wait)
        self.watch = wrap_watch(handle.watch)
