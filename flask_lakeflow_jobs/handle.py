"""Job handles: what Flask code calls to start, read, follow and change runs of a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from . import signals, telemetry
from .errors import (
    Conflict,
    InvalidParameters,
    JobNotFound,
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
)
from .idempotency import RunOptions, RunStarter, Triggered
from .identity import HasHeaders, add_requester, display_name, read_user_identity
from .progress_receiver import receive_progress
from .reader import JobReader
from .record.recording import Actor
from .results import wrap_call, wrap_watch
from .runs.ids import choose_task_keys, parse_run_id, validate_task_keys
from .runs.job_definition import defined_tasks
from .runs.outcome import RunStatus, has_ended
from .runs.params import validate_params
from .runs.progress import Progress
from .runs.progress_token import refuse_parameter
from .runs.repair import build_repair_arguments
from .runs.run_now_fields import build_run_now_fields, write_declared_values
from .runs.triggers import build_pause_update
from .watching.iterator import RunWatch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .upstream.gateway import BoundUpstream

_log = logging.getLogger("flask_lakeflow_jobs.audit")


class JobHandle(JobReader):
    """One job, called with one identity. Get it from :data:`current_jobs`.

    A run id is a number or a string, such as one from a URL. Anything else raises
    :exc:`InvalidRequest`.

    Every call to the workspace can raise :exc:`UpstreamError` and its subclasses,
    :exc:`NotAllowed` if the identity lacks a permission, and :exc:`JobNotFound`. It ends within
    ``LAKEFLOW_JOBS_READ_TIMEOUT`` or, if it changes something, ``LAKEFLOW_JOBS_WRITE_TIMEOUT``.

    You can use a handle outside the app context in which you got it, and in other threads.
    """

    @property
    def results(self) -> Results:
        """The calls of the handle, with an :class:`ExecutionResult` instead of exceptions."""
        return Results(self)

    def as_user(self, request: HasHeaders) -> AbstractContextManager[JobHandle]:
        """Return the context of a handle that acts on behalf of the user of a request.

        The handle refuses to act outside the block.

        :param request: the Flask request, with the user's token in the header
            ``X-Forwarded-Access-Token``.
        :raises MissingUserToken: the request has no token. The app's identity never replaces it.
        """
        identity = read_user_identity(request)
        return UserHandle(self._state, self.job, identity, find_origin=self._find_origin)

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
        :raises Conflict: the key was used before with other parameters or options.
        :raises ConfigurationError: the job cannot receive the name of the requester.
        """
        options: dict[str, Any] = {
            "only": choose_task_keys(only, "only"),
            "queue": queue,
            "performance_target": performance_target,
        }
        with telemetry.observe_trigger(self.key) as observation:
            actor = self._actor(requested_by)
            user, starter = actor.requested_by, RunStarter(self._state, actor, self)
            fields = self._check_arguments(params, user, only)
            try:
                if idempotency_key is None:
                    triggered = starter.start(fields, options)
                else:
                    key_parts = [idempotency_key, user] if user else [idempotency_key]
                    triggered = starter.start_idempotent(key_parts, params, fields, options)
            except InvalidParameters:
                with suppress(UpstreamError, NotAllowed, JobNotFound):
                    self._check_tasks(only)  # names the job's tasks; the workspace does not
                raise
            run_id, replayed = triggered.run_id, triggered.replayed
            if not replayed:
                self._state.requesters.write(actor, run_id, "trigger")
            _audit(actor, "replayed" if replayed else "triggered", run_id)
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
        self._check_arguments(params, None, only)
        self._check_tasks(only)

    def _check_arguments(
        self, params: Mapping[str, Any] | None, user: str | None, only: Sequence[str] | None
    ) -> dict[str, Any]:
        """Return the fields of run-now; if they are refused, also name the tasks that are."""
        try:
            return self._build_fields(params, user)
        except InvalidParameters as error:
            try:
                with suppress(UpstreamError, NotAllowed, JobNotFound):
                    self._check_tasks(only)
            except InvalidParameters as tasks:
                raise tasks.with_others(error) from None
            raise

    def _check_tasks(self, only: Sequence[str] | None) -> None:
        if task_keys := choose_task_keys(only, "only"):
            tasks = [task.task_key for task in defined_tasks(self.get_job())]
            # "+" before or after a key means the tasks up- or downstream of it.
            validate_task_keys([key.strip("+") for key in task_keys], tasks, self.key)

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
        seconds = self._read_timeout(timeout)  # before a run starts that nobody would follow
        return self.watch(self.run_now(params, **options).run_id, timeout=seconds)

    def cancel_run(self, run_id: int | str, *, requested_by: str | None = None) -> None:
        """Request the cancellation of a run; it ends a little later. Ignore a run that has ended.

        :param requested_by: the name of the requester, for the log and the signal.
        :raises RunNotFound: this job has no such run.
        """
        run_id, upstream = parse_run_id(run_id), self._upstream()
        run = upstream.get_run(run_id).value  # raises for another job's run
        actor = self._actor(requested_by)
        detail = "The run had ended." if has_ended(run) else None
        with self._recorded(actor, "cancel", run_id, detail):
            upstream.cancel_run(run_id)
        if has_ended(run):
            return
        self._state.requesters.write(actor, run_id, "cancel")
        self._state.hub.invalidate((self.job.job_id, run_id))
        _audit(actor, "canceled", run_id)
        self._send(signals.run_canceled, run_id, user=actor.requested_by)

    def cancel_all_runs(self, *, requested_by: str | None = None) -> None:
        """Request the cancellation of all runs of this job.

        :param requested_by: the name of the requester, for the log.
        """
        upstream, actor = self._upstream(), self._actor(requested_by)
        with self._recorded(actor, "cancel_all"):
            upstream.cancel_all_runs()
        self._state.hub.invalidate_job(self.job.job_id)
        _log.info("Job %s: all runs canceled, requested by %r.", self.key, actor.name)

    def repair_run(
        self,
        run_id: int | str,
        *,
        rerun_tasks: Sequence[str] | None = None,
        rerun_dependent_tasks: bool | None = None,
        params: Mapping[str, Any] | None = None,
        requested_by: str | None = None,
    ) -> int:
        """Rerun the failed tasks of an ended run with the parameters that it had.

        :param rerun_tasks: the task keys to rerun instead of all that failed. A string is one key.
        :param rerun_dependent_tasks: also rerun the tasks that depend on them.
        :param params: other values of some parameters; the rest keep those of the run.
        :param requested_by: the name of the requester, for the log and the signal.
        :return: the id of the repair.
        :raises RunNotFound: this job has no such run.
        :raises Conflict: the run has not ended, or it succeeded and no tasks were named.
        :raises InvalidParameters: the job does not accept the parameters, or has no such task.
        """
        run_id = parse_run_id(run_id)
        upstream, run_key = self._upstream(), self._run_key(run_id)
        fields = self._build_fields(params, None, partial=True)
        ended = upstream.get_run(run_id, history=True)
        arguments = build_repair_arguments(
            ended.value,
            rerun_tasks=choose_task_keys(rerun_tasks, "rerun_tasks"),
            rerun_dependent_tasks=rerun_dependent_tasks,
            fields=fields,
        )
        actor = self._actor(requested_by)
        try:
            with self._recorded(actor, "repair", run_id):
                repair_id = upstream.repair_run(run_id, arguments)
        except InvalidParameters:  # names the run's tasks; the workspace does not
            tasks = [task.task_key for task in ended.value.tasks or ()]
            validate_task_keys(arguments["rerun_tasks"] or (), tasks, self.key, "rerun_tasks")
            raise
        self._state.requesters.write(actor, run_id, "repair")
        status = RunStatus(self._now(), ended.value, document=ended.document)
        self._state.ends.repair(run_key, status, repair_id, actor.requested_by)
        self._state.hub.reset(run_key)
        _audit(actor, "repaired", run_id)
        return repair_id

    def pause(self, *, requested_by: str | None = None) -> None:
        """Pause the schedule and all triggers of the job. Active runs continue.

        The workspace requires the permission ``CAN_MANAGE`` on the job.

        :param requested_by: the name of the requester, for the log.
        :raises Conflict: the job has no schedule and no trigger, or somebody changed them at the
            same time.
        """
        self._set_paused(True, self._actor(requested_by))

    def resume(self, *, requested_by: str | None = None) -> None:
        """Resume the schedule and all triggers of the job. A continuous job starts at once.

        Permission, parameter and errors are those of :meth:`pause`.
        """
        self._set_paused(False, self._actor(requested_by))

    def _set_paused(self, paused: bool, actor: Actor) -> None:
        upstream, action = self._upstream(), "pause" if paused else "resume"
        with self._recorded(actor, action):
            build = partial(build_pause_update, paused=paused, job=self.key)
            upstream.change_job(build)
            try:
                settings = upstream.get_job().document["settings"]
            except LakeflowJobsError as error:  # the change itself has succeeded
                _log.warning(
                    "Job %s: %sd, but this could not be checked: %s", self.key, action, error
                )
                return
            if build(settings):
                raise Conflict(
                    f"A trigger of the job {self.key!r} is not {action}d: somebody may have changed"
                    " it at the same time. Check the job in the workspace, and try again."
                )
        _log.info("Job %s: %sd, requested by %r.", self.key, action, actor.name)

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
        report = Progress.create(percent, message, task, self._now())
        identity, run_id = self._require_identity(), parse_run_id(run_id)
        receive_progress(self._state, self.job, identity, run_id, report, token)

    def _build_fields(
        self, params: Mapping[str, Any] | None, user: str | None, *, partial: bool = False
    ) -> dict[str, Any]:
        """Return the fields of run-now that carry the parameters and the requester."""
        values = validate_params(self.job.schema, params, partial=partial)
        if self.job.schema is not None:  # without one, the job would not expect lists and objects
            values = write_declared_values(self.job.task_type, values)
        fields = build_run_now_fields(self.job.task_type, values)
        refuse_parameter(fields, self._state.settings.progress_parameter)
        attribution = self._state.settings.attribution_parameter
        return add_requester(fields, attribution, user, job=self.key)

    def _upstream(self) -> BoundUpstream:
        return self._state.upstream.bind(self._require_identity(), self.job)

    def _actor(self, requested_by: str | None) -> Actor:
        name = display_name(requested_by)
        return Actor(self.job, self._require_identity(), self._find_origin(), name)

    @contextmanager
    def _recorded(
        self, actor: Actor, action: str, run_id: int | None = None, detail: str | None = None
    ) -> Iterator[None]:
        """Record a change. If it failed but may have been made, poll what it concerns again."""
        try:
            with self._state.recording.record_call(actor, action, run_id, detail):
                yield
        except LakeflowJobsError as error:
            if error.is_ambiguous and run_id is not None:
                self._state.hub.invalidate((self.job.job_id, run_id))
            elif error.is_ambiguous:
                self._state.hub.invalidate_job(self.job.job_id)
            raise

    def _send(self, signal: Any, run_id: int, **payload: Any) -> None:
        signals.send(signal, self._state.app, job=self.key, run_id=run_id, **payload)


def _audit(actor: Actor, action: str, run_id: int) -> None:
    """Log an action and its requester; never parameters, which may be secrets."""
    _log.info("Job %s, run %d: %s, requested by %r.", actor.job.key, run_id, action, actor.name)


class UserHandle(JobHandle):
    """A handle that acts on behalf of a user, and only inside its ``with`` block."""

    def __enter__(self) -> JobHandle:
        self._block.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._block.is_open = False


class Results:
    """The calls of a handle, each returning an :class:`ExecutionResult`.

    ``run_and_wait`` and ``watch`` return a :class:`ResultWatch`.
    """

    def __init__(self, handle: JobHandle) -> None:
        self.cancel_all_runs = wrap_call(handle.cancel_all_runs)
        self.cancel_run = wrap_call(handle.cancel_run)
        self.check = wrap_call(handle.check)
        self.compare = wrap_call(handle.compare)
        self.explain = wrap_call(handle.explain)
        self.get_job = wrap_call(handle.get_job)
        self.get_outputs = wrap_call(handle.get_outputs)
        self.get_run = wrap_call(handle.get_run)
        self.get_run_output = wrap_call(handle.get_run_output)
        self.last_run = wrap_call(handle.last_run)
        self.list_iterations = wrap_call(handle.list_iterations)
        self.list_runs = wrap_call(handle.list_runs)
        self.pause = wrap_call(handle.pause)
        self.read_log = wrap_call(handle.read_log)
        self.read_matrix = wrap_call(handle.read_matrix)
        self.repair_run = wrap_call(handle.repair_run)
        self.report_progress = wrap_call(handle.report_progress)
        self.resume = wrap_call(handle.resume)
        self.run_and_wait = wrap_watch(handle.run_and_wait)
        self.run_now = wrap_call(handle.run_now)
        self.status = wrap_call(handle.status)
        self.wait = wrap_call(handle.wait)
        self.watch = wrap_watch(handle.watch)
