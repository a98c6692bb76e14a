"""The jobs of an app, and the handle on one of them: what a Flask developer calls."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import signals
from .errors import Conflict, HandleClosed, MissingUserToken, RunTimeout, UnknownJob
from .identity import APP, HasHeaders, Identity, user_of
from .outcome import RunStatus, has_ended, last_attempts
from .params import run_now_fields, validate
from .reports import Explanation, explanation, repair_arguments
from .results import Results
from .watching import Hub, Target, UpstreamReader

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import BaseRun, Run, RunOutput
    from databricks.sdk.service.jobs import Job as SdkJob
    from flask import Flask

    from .clock import Clock
    from .config import Settings
    from .job_config import Job
    from .shared import Shared
    from .upstream import Upstream

#: Seconds that the answer to an idempotency key is remembered here; the workspace remembers longer.
KEY_SECONDS = 24 * 3600.0


class Jobs(Mapping[str, "JobHandle"]):
    """The jobs of one app by key, read-only.

    :param app: the app.
    :param settings: its settings.
    :param connect: makes the upstream room, which is expensive; called once, at the first call.
    :param shared: what the app's processes share.
    :param clock: the time.
    :param is_closing: whether this process is about to end.
    """

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        *,
        connect: Callable[[], Upstream],
        shared: Shared,
        clock: Clock,
        is_closing: Callable[[], bool],
    ) -> None:
        self.app = app
        self.settings = settings
        self.shared = shared
        self.clock = clock
        self.hub = Hub(
            UpstreamReader(lambda: self.upstream),
            self._tell,
            shared,
            clock,
            poll_interval=settings.poll_interval,
            settled_for=settings.cache_ttl,
            is_closing=is_closing,
        )
        self._connect = connect
        self._upstream: Upstream | None = None
        self._lock = threading.Lock()

    def __getitem__(self, key: str) -> JobHandle:
        job = self.settings.jobs.get(key)
        if job is None:
            raise UnknownJob(key, self.settings.jobs)
        return JobHandle(self, job, APP)

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings.jobs)

    def __len__(self) -> int:
        return len(self.settings.jobs)

    def __repr__(self) -> str:
        return f"<Jobs {', '.join(self)}>"

    @property
    def upstream(self) -> Upstream:
        with self._lock:
            if self._upstream is None:
                self._upstream = self._connect()
            return self._upstream

    def _tell(self, target: Target, status: RunStatus) -> None:
        payload = {"job": target.job.key, "run_id": target.run_id, "status": status}
        with self.app.app_context():
            signals.send(signals.run_changed, self.app, **payload)
            if status.is_terminal:
                signals.send(signals.run_finished, self.app, **payload)


@dataclass(frozen=True)
class Triggered:
    """The answer to a trigger, in the shape of the SDK's ``RunNowResponse``.

    :param run_id: the run.
    :param number_in_job: the same number; Databricks keeps it for old clients.
    :param replayed: an earlier trigger with the same idempotency key started this run.
    """

    run_id: int
    number_in_job: int | None = None
    replayed: bool = False


class RunWatch(Iterator[RunStatus]):
    """The states of a run as they come, the terminal one last.

    :param run_id: the run.
    :param states: what is iterated.
    """

    def __init__(self, run_id: int, states: Iterator[RunStatus]) -> None:
        self.run_id = run_id
        self._states = states

    def __next__(self) -> RunStatus:
        return next(self._states)


class JobHandle:
    """One job, and as whom its calls run.

    :param jobs: the jobs of the app.
    :param job: the job.
    :param identity: the app or a user.
    :param on_behalf_only: whether the calls of the app itself are allowed for a job that runs as
        its users: to the command line they are, since who types there is no visitor of the app.
    """

    def __init__(
        self, jobs: Jobs, job: Job, identity: Identity, *, on_behalf_only: bool = True
    ) -> None:
        self._jobs = jobs
        self._identity = identity
        self._on_behalf_only = on_behalf_only
        self._closed = False
        self.job = job

    def __repr__(self) -> str:
        who = "a user" if self._identity.is_user else "the app"
        return f"<JobHandle {self.key!r} (job {self.job.job_id}) as {who}>"

    @property
    def key(self) -> str:
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
        handle = JobHandle(self._jobs, self.job, user_of(request))
        try:
            yield handle
        finally:
            handle._closed = True

    def as_operator(self) -> JobHandle:
        """A handle for whoever operates the app at its command line."""
        return JobHandle(self._jobs, self.job, APP, on_behalf_only=False)

    # ── start ─────────────────────────────────────────────────────────────────────────────────────

    def run_now(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        only: Sequence[str] | None = None,
        queue: bool | None = None,
        performance_target: str | None = None,
    ) -> Triggered:
        """Start a run, exactly one.

        :param params: as the job's schema has them.
        :param idempotency_key: names the intent: the same key again answers the same run.
        :param only: the task keys to run, with ``+`` before or after for what is up- or downstream.
        :param queue: whether to wait for a free slot; ``None``: as the job is set up.
        :param performance_target: ``STANDARD`` or ``PERFORMANCE_OPTIMIZED``.
        :raises InvalidParameters: the job does not take them; nothing was started.
        :raises Conflict: the key was used before, with other parameters.
        """
        identity = self._act()
        fields = run_now_fields(self.job.task_type, validate(self.job.schema, params))
        choices = {"only": only, "queue": queue, "performance_target": performance_target}
        token = intent = None
        if idempotency_key is not None:
            token = _digest([idempotency_key, self.job.key, self.job.job_id, identity.key])
            intent = _digest([fields, choices])
            earlier = self._jobs.shared.get(f"intent:{token}")
            if earlier is not None:
                return self._replay(earlier, intent)
        response = self._jobs.upstream.run_now(
            identity,
            self.job,
            fields,
            token=token,
            **choices,  # type: ignore[arg-type]
        )
        triggered = Triggered(int(response.run_id or 0), response.number_in_job)
        if token is not None:
            self._jobs.shared.put(
                f"intent:{token}", {"run_id": triggered.run_id, "intent": intent}, KEY_SECONDS
            )
        self._signal(signals.run_triggered, triggered.run_id, replayed=False)
        return triggered

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

    def watch(self, run_id: int, *, timeout: float | None = None) -> RunWatch:
        """Follow a run that exists.

        :param run_id: the run.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :return: an iterator of its states, the terminal one last.
        :raises RunNotFound: while iterating: there is none.
        :raises RunTimeout: while iterating: it has not ended in time, and goes on.
        """
        return RunWatch(run_id, self._states(run_id, timeout))

    def _states(self, run_id: int, timeout: float | None) -> Iterator[RunStatus]:
        seconds = self.job.wait_timeout if timeout is None else timeout
        clock = self._jobs.clock
        deadline = clock.monotonic() + seconds
        with closing(self._jobs.hub.subscribe([self.target(run_id)])) as subscription:
            news = subscription.first(self._jobs.settings.read_timeout)
            while True:
                for item in news:
                    if item.error is not None:
                        raise item.error
                    if item.snapshot is not None:
                        yield item.snapshot.status
                self._act()
                left = deadline - clock.monotonic()
                if subscription.is_over:
                    return
                if left <= 0:
                    raise RunTimeout(run_id, seconds)
                news = subscription.wait(left)

    def wait(self, run_id: int, *, timeout: float | None = None) -> RunStatus:
        """Wait for the end of a run.

        :param run_id: the run.
        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :raises RunTimeout: it has not ended in time, and goes on.
        """
        *_, last = self.watch(run_id, timeout=timeout)
        return last

    def target(self, run_id: int) -> Target:
        """The run as something to watch.

        :param run_id: the run.
        """
        return Target(self._act(), self.job, run_id)

    # ── read ──────────────────────────────────────────────────────────────────────────────────────

    def get_job(self) -> SdkJob:
        """The job's definition in the workspace."""
        return self._jobs.upstream.get_job(self._act(), self.job)

    def last_run(self) -> BaseRun | None:
        """The newest run, or ``None``."""
        return next(iter(self.list_runs(limit=1)), None)

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
        return self._jobs.upstream.list_runs(
            self._act(),
            self.job,
            limit,
            active_only=active_only,
            completed_only=completed_only,
            expand_tasks=expand_tasks,
            start_time_from=start_time_from,
            start_time_to=start_time_to,
        )

    def get_run(self, run_id: int) -> Run:
        """A run with all its tasks.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        return self._jobs.upstream.get_run(self._act(), self.job, run_id)

    def get_run_output(self, run_id: int) -> RunOutput | dict[str, RunOutput]:
        """What a run left: of a run of one task its output, of several one per task key.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        outputs = self.get_outputs(run_id)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def get_outputs(self, run_id: int) -> dict[str, RunOutput]:
        """What the tasks of a run left, by task key, of each its last attempt.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        return {
            task.task_key: self._output(task.run_id)
            for task in last_attempts(self.get_run(run_id).tasks)
            if task.run_id is not None
        }

    def explain(self, run_id: int) -> Explanation:
        """Why a run failed: the tasks it failed by, last attempt only, with error and trace.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        return explanation(self.get_run(run_id), self._output)

    def _output(self, task_run_id: int) -> RunOutput:
        return self._jobs.upstream.get_task_output(self._act(), self.job, task_run_id)

    # ── intervene ─────────────────────────────────────────────────────────────────────────────────

    def cancel_run(self, run_id: int) -> None:
        """Ask for the end of a run; it comes a little later.

        :param run_id: the run.
        :raises RunNotFound: this job has no such run.
        """
        self.get_run(run_id)  # nobody cancels another job's run through this one
        self._jobs.upstream.cancel_run(self._act(), self.job, run_id)
        self._jobs.hub.forget(self.target(run_id))
        self._signal(signals.run_canceled, run_id)

    def cancel_all_runs(self) -> None:
        """Ask for the end of all runs of this job."""
        self._jobs.upstream.cancel_all_runs(self._act(), self.job)

    def repair_run(
        self,
        run_id: int,
        *,
        rerun_tasks: Sequence[str] | None = None,
        rerun_dependent_tasks: bool | None = None,
    ) -> int:
        """Run the failed tasks of an ended run again, with the parameters that it had.

        :param run_id: the run.
        :param rerun_tasks: the task keys, in place of all that failed.
        :param rerun_dependent_tasks: and what depends on them.
        :return: the id of the repair.
        :raises RunNotFound: this job has no such run.
        :raises Conflict: it goes on.
        """
        run = self._jobs.upstream.get_run(self._act(), self.job, run_id, history=True)
        if not has_ended(run):
            raise Conflict(f"Run {run_id} goes on. Wait for its end, or cancel it, to repair it.")
        arguments = repair_arguments(
            run, rerun_tasks=rerun_tasks, rerun_dependent_tasks=rerun_dependent_tasks
        )
        repair_id = self._jobs.upstream.repair_run(self._act(), self.job, run_id, arguments)
        self._jobs.hub.forget(self.target(run_id))
        return repair_id

    # ── as whom ───────────────────────────────────────────────────────────────────────────────────

    def _act(self) -> Identity:
        if self._closed:
            raise HandleClosed(
                f"This handle on {self.key!r} acted as a user, and its block is over. Do what is"
                " left inside 'with … .as_user(request)'."
            )
        if self.job.run_as == "user" and self._on_behalf_only and not self._identity.is_user:
            raise MissingUserToken(
                f"The job {self.key!r} runs as its users: call it inside"
                f" 'with current_jobs[{self.key!r}].as_user(request) as handle:'."
            )
        return self._identity

    def _replay(self, earlier: Mapping[str, Any], intent: str | None) -> Triggered:
        if earlier["intent"] != intent:
            raise Conflict(
                "This idempotency key was used before, with other parameters. Use a fresh key for"
                " what is a new run."
            )
        triggered = Triggered(earlier["run_id"], earlier["run_id"], replayed=True)
        self._signal(signals.run_triggered, triggered.run_id, replayed=True)
        return triggered

    def _signal(self, signal: Any, run_id: int, **more: Any) -> None:
        signals.send(signal, self._jobs.app, job=self.key, run_id=run_id, **more)


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()
