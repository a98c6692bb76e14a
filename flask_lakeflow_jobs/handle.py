"""The handle on a job: what a Flask developer calls."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import signals, telemetry
from .errors import Conflict, HandleClosed, MissingUserToken
from .idempotency import RunStarter, Triggered
from .identity import HasHeaders, Identity, add_requester, display_name, read_user_identity
from .results import returning_result, returning_results
from .runs.explanation import Explanation, explain_run
from .runs.ids import parse_run_id
from .runs.outcome import Outcome, RunStatus, has_ended, outcome_of
from .runs.params import (
    build_run_now_fields,
    normalize_task_keys,
    validate_params,
    validate_task_keys,
)
from .runs.repair import build_repair_arguments
from .upstream.cached_reads import CachedReads
from .watching.iterator import RunWatch, iterate_run
from .watching.watched_run import RunKey

if TYPE_CHECKING:
    from .config.jobs import Job
    from .sdk_types import BaseRun, Run, RunOutput, SdkJob
    from .state import AppState
    from .watching.snapshot import StateId
    from .watching.subscription import Subscription

_log = logging.getLogger("flask_lakeflow_jobs.audit")


class JobHandle:
    """One job, called with one identity.

    :param is_operator: the caller operates the app at its command line, and so may use the app's
        own identity even for a job that runs as its users.
    """

    def __init__(
        self, state: AppState, job: Job, identity: Identity, *, is_operator: bool = False
    ) -> None:
        self._state = state
        self._identity = identity
        self._is_operator = is_operator
        self._closed = False
        self.job = job

    def __repr__(self) -> str:
        who = "a user" if self._identity.is_user else "the app"
        return f"<JobHandle {self.key!r} (job {self.job.job_id}) as {who}>"

    @property
    def key(self) -> str:
        """The job's, as in ``current_jobs[key]``."""
        return self.job.key

    @property
    def results(self) -> Results:
        """The same calls, returning what went wrong in place of raising it."""
        return Results(self)

    @contextmanager
    def as_user(self, request: HasHeaders) -> Iterator[JobHandle]:
        """A handle that acts with the token of a request's user (on behalf of), for a block.

        :param request: the Flask request.
        :raises MissingUserToken: it carries no token; the app's own identity never steps in.
        """
        handle = JobHandle(self._state, self.job, read_user_identity(request))
        try:
            yield handle
        finally:
            handle._closed = True

    # ── start ─────────────────────────────────────────────────────────────────────────────────────

    @telemetry.observe_trigger
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
        """Start a run, exactly one.

        :param params: as the job's schema has them.
        :param idempotency_key: names the intent: the same key again answers the same run.
        :param only: the task keys to run, with ``+`` before or after for what is up- or downstream;
            a text is one of them.
        :param queue: whether to wait for a free slot; ``None``: as the job is set up.
        :param performance_target: ``STANDARD`` or ``PERFORMANCE_OPTIMIZED``.
        :param requested_by: the name of who asked, for the log, the signal and, where
            ``LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER`` is set, the job.
        :raises InvalidParameters: the job does not take them; nothing was started.
        :raises Conflict: the key was used before, with other parameters.
        :raises ConfigurationError: the job cannot be told who asked.
        """
        identity = self._act()
        user = display_name(requested_by)
        fields = self._fields(params, user)
        choices: dict[str, Any] = {
            "only": normalize_task_keys(only),
            "queue": queue,
            "performance_target": performance_target,
        }
        trigger = RunStarter(self._state, self.job, identity)
        if idempotency_key is None:
            triggered = trigger.start(fields, choices)
        else:
            named = [idempotency_key, user] if user else [idempotency_key]
            triggered = trigger.start_idempotent(named, fields, choices)
        self._note("found again" if triggered.replayed else "triggered", triggered.run_id, user)
        self._signal(
            signals.run_triggered, triggered.run_id, user=user, replayed=triggered.replayed
        )
        return triggered

    def check(
        self, params: Mapping[str, Any] | None = None, *, only: Sequence[str] | None = None
    ) -> None:
        """Find out whether the job takes these parameters and has these tasks; nothing is started.

        :param params: as for :meth:`run_now`.
        :param only: likewise.
        :raises InvalidParameters: it does not.
        :raises ConfigurationError: the job cannot be told who asked.
        """
        self._fields(params, None)
        named = normalize_task_keys(only)
        if named:
            settings = self.get_job().settings
            tasks = [task.task_key for task in (settings and settings.tasks) or []]
            validate_task_keys(named, tasks, self.key)

    def _fields(self, params: Mapping[str, Any] | None, user: str | None) -> dict[str, Any]:
        """The parameters of a run in the fields of run-now, and in them who asked."""
        return add_requester(
            build_run_now_fields(self.job.task_type, validate_params(self.job.schema, params)),
            self._state.settings.attribution_parameter,
            user,
            job=self.key,
        )

    def run_and_wait(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        **choices: Any,
    ) -> RunWatch:
        """Start a run, at once, and follow it.

        :param params: as for :meth:`run_now`.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :param choices: as for :meth:`run_now`.
        :return: an iterator of its states, the terminal one last.
        :raises RunTimeout: while iterating: it has not ended in time, and goes on.
        """
        return self.watch(self.run_now(params, **choices).run_id, timeout=timeout)

    # ── follow ────────────────────────────────────────────────────────────────────────────────────

    def watch(self, run_id: int | str, *, timeout: float | None = None) -> RunWatch:
        """Follow a run that exists.

        :param run_id: the run; a text, such as one from a URL, will do.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :return: an iterator of its states, the terminal one last.
        :raises InvalidRequest: that is no run id, which holds for every call that takes one.
        :raises RunNotFound: while iterating: there is none.
        :raises RunTimeout: while iterating: it has not ended in time, and goes on.
        """
        run_key = self.run_key(run_id)
        seconds = self.job.wait_timeout if timeout is None else timeout
        states = iterate_run(run_key, self._state.hub, self._state.clock, seconds, self._act)
        return RunWatch(run_key.run_id, states)

    def wait(self, run_id: int | str, *, timeout: float | None = None) -> RunStatus:
        """Wait for the end of a run.

        :param run_id: the run.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :raises RunTimeout: it has not ended in time, and goes on.
        """
        *_, last = self.watch(run_id, timeout=timeout)
        return last

    def subscribe(self, run_id: int | str, seen: StateId | None = None) -> Subscription:
        """Subscribe to the updates of a run; close the subscription when you are done.

        :param seen: the state that the subscriber already has.
        """
        run_key = self.run_key(run_id)
        return self._state.hub.subscribe([run_key], {run_key: seen} if seen else None)

    def run_key(self, run_id: int | str) -> RunKey:
        """The run as something to watch.

        :param run_id: the run.
        """
        return RunKey(self._act(), self.job, parse_run_id(run_id))

    # ── read ──────────────────────────────────────────────────────────────────────────────────────

    def cached_reads(self, *, stale_if_error: bool = False) -> CachedReads:
        """The same reads as the Jobs API spells them in JSON, each with its age.

        :param or_stale: return a cached response, marked as stale, if the workspace does not
            respond.
        """
        return CachedReads(
            self._state.upstream, self._act(), self.job, stale_if_error=stale_if_error
        )

    def get_job(self) -> SdkJob:
        """The job's definition in the workspace."""
        seen = self.cached_reads().get_job()
        return self._state.upstream.parse_job(seen.value)

    def last_run(self) -> BaseRun | None:
        """The newest run, or ``None``."""
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
        """The newest runs, newest first.

        :param limit: the most runs; over as many pages upstream as it takes.
        :param active_only: only those that go on.
        :param completed_only: only those that have ended.
        :param expand_tasks: with their tasks.
        :param start_time_from: milliseconds since the epoch.
        :param start_time_to: milliseconds since the epoch.
        """
        seen = self.cached_reads().list_runs(
            limit,
            active_only=active_only,
            completed_only=completed_only,
            expand_tasks=expand_tasks,
            start_time_from=start_time_from,
            start_time_to=start_time_to,
        )
        return [self._state.upstream.parse_base_run(run) for run in seen.value]

    def get_run(self, run_id: int | str) -> Run:
        """A run with all its tasks.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        seen = self.cached_reads().get_run(parse_run_id(run_id))
        return self._state.upstream.parse_run(seen.value)

    def get_run_output(self, run_id: int | str) -> RunOutput | dict[str, RunOutput]:
        """What a run left: of a run of one task its output, of several one per task key.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        outputs = self.get_outputs(run_id)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def get_outputs(self, run_id: int | str) -> dict[str, RunOutput]:
        """What the tasks of a run left, by task key, of each its last attempt.

        A task whose output the workspace has not, or not any more, says so in its ``info``.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        outputs = self.cached_reads().get_outputs(parse_run_id(run_id))
        return {key: self._state.upstream.parse_output(output) for key, output in outputs.items()}

    def explain(self, run_id: int | str) -> Explanation:
        """Why a run failed: the tasks it failed by, last attempt only, with error and trace.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        upstream, reads = self._state.upstream, self.cached_reads()
        document = reads.get_run(parse_run_id(run_id)).value
        return explain_run(upstream.parse_run(document), reads, document)

    # ── intervene ─────────────────────────────────────────────────────────────────────────────────

    def cancel_run(self, run_id: int | str, *, requested_by: str | None = None) -> None:
        """Ask for the end of a run; it comes a little later. To one that has ended nothing happens.

        :param run_id: the run.
        :param requested_by: the name of who asked, for the log and the signal.
        :raises RunNotFound: this job has no such run.
        """
        run_id = parse_run_id(run_id)
        # Nobody cancels another job's run through this one.
        run = self._state.upstream.get_run(self._act(), self.job, run_id).value
        self._state.upstream.cancel_run(self._act(), self.job, run_id)
        if has_ended(run):
            return
        self._state.hub.invalidate(self.run_key(run_id))
        user = display_name(requested_by)
        self._note("canceled", run_id, user)
        self._signal(signals.run_canceled, run_id, user=user)

    def cancel_all_runs(self) -> None:
        """Ask for the end of all runs of this job."""
        self._state.upstream.cancel_all_runs(self._act(), self.job)
        self._state.hub.invalidate_job(self.job.job_id)

    def repair_run(
        self,
        run_id: int | str,
        *,
        rerun_tasks: Sequence[str] | None = None,
        rerun_dependent_tasks: bool | None = None,
        requested_by: str | None = None,
    ) -> int:
        """Run the failed tasks of an ended run again, with the parameters that it had.

        :param run_id: the run.
        :param rerun_tasks: the task keys, in place of all that failed; a text is one of them.
        :param rerun_dependent_tasks: and what depends on them.
        :param requested_by: the name of who asked, for the log.
        :return: the id of the repair.
        :raises RunNotFound: this job has no such run.
        :raises Conflict: it goes on, or has succeeded.
        """
        run_id = parse_run_id(run_id)
        run = self._state.upstream.get_run(self._act(), self.job, run_id, history=True).value
        if not has_ended(run):
            raise Conflict(f"Run {run_id} goes on. Wait for its end, or cancel it, to repair it.")
        if not rerun_tasks and outcome_of(run) is Outcome.SUCCEEDED:
            raise Conflict(f"Run {run_id} succeeded. Name the tasks that are to run again.")
        arguments = build_repair_arguments(
            run,
            rerun_tasks=normalize_task_keys(rerun_tasks),
            rerun_dependent_tasks=rerun_dependent_tasks,
        )
        repair_id = self._state.upstream.repair_run(self._act(), self.job, run_id, arguments)
        self._state.hub.reset(self.run_key(run_id))
        self._note("repaired", run_id, display_name(requested_by))
        return repair_id

    # ── as whom ───────────────────────────────────────────────────────────────────────────────────

    def _act(self) -> Identity:
        if self._closed:
            raise HandleClosed(
                f"This handle on {self.key!r} acted as a user, and its block is over. Do what is"
                " left inside 'with … .as_user(request)'."
            )
        if self.job.run_as == "user" and not (self._identity.is_user or self._is_operator):
            raise MissingUserToken(
                f"The job {self.key!r} runs as its users: call it inside"
                f" 'with current_jobs[{self.key!r}].as_user(request) as handle:'."
            )
        return self._identity

    def _note(self, what: str, run_id: int, user: str | None) -> None:
        """Log who asked for what; never parameters, which may be secrets."""
        _log.info("Job %s, run %d: %s, asked for by %r.", self.key, run_id, what, user)

    def _signal(self, signal: Any, run_id: int, **more: Any) -> None:
        signals.send(signal, self._state.app, job=self.key, run_id=run_id, **more)


class Results:
    """The calls of a handle, each returning an :class:`ExecutionResult`.

    ``run_and_wait`` and ``watch`` return a :class:`ResultWatch`.

    :param handle: the handle.
    """

    def __init__(self, handle: JobHandle) -> None:
        self.cancel_all_runs = returning_result(handle.cancel_all_runs)
        self.cancel_run = returning_result(handle.cancel_run)
        self.check = returning_result(handle.check)
        self.explain = returning_result(handle.explain)
        self.get_job = returning_result(handle.get_job)
        self.get_run = returning_result(handle.get_run)
        self.get_run_output = returning_result(handle.get_run_output)
        self.last_run = returning_result(handle.last_run)
        self.list_runs = returning_result(handle.list_runs)
        self.repair_run = returning_result(handle.repair_run)
        self.run_and_wait = returning_results(handle.run_and_wait)
        self.run_now = returning_result(handle.run_now)
        self.wait = returning_result(handle.wait)
        self.watch = returning_results(handle.watch)
