"""Reading and following runs of one job, with one identity."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any

from flask import has_request_context, request

from .errors import HandleClosed, InvalidRequest, MissingUserToken, RunNotFound, quote
from .identity import read_address
from .record.recording import Origin
from .record.values import RowState
from .runs.comparison import Comparison, build_comparison
from .runs.explanation import Explanation, explain_run, find_root_error
from .runs.ids import normalize_task_keys, parse_run_id
from .runs.iterations import Iteration
from .runs.matrix import MAX_RUNS, Matrix, MatrixCell, build_cells, build_rows
from .runs.outcome import RunStatus, has_ended
from .runs.output_parts import DEFAULT_PART_BYTES, MAX_PART_BYTES, LogPart
from .runs.progress_reports import select_progress
from .runs.redaction import redact
from .upstream.cached_reads import CachedReads
from .watching.iterator import RunWatch, iterate_run, iterate_run_async
from .watching.watched_run import RunKey

if TYPE_CHECKING:
    from .config.jobs import Job
    from .identity import Identity
    from .record.store import Record
    from .sdk_types import BaseRun, Run, RunOutput, SdkJob
    from .state import AppState
    from .upstream.gateway import Upstream
    from .watching.snapshot import StateId
    from .watching.subscription import Subscription

_log = logging.getLogger("flask_lakeflow_jobs")


class Block:
    """The block in which a handle of a user may act. Its copies share it."""

    is_open = False


class JobReader:
    """The calls of a job handle that change nothing.

    :param is_operator: the caller operates the app on its command line and may use the app's own
        identity even for a job that runs as its users.
    :param find_origin: returns where the caller's actions come from, for the record; by default
        from code of the app, and the client of its request, if there is one.
    """

    def __init__(
        self,
        state: AppState,
        job: Job,
        identity: Identity,
        *,
        is_operator: bool = False,
        find_origin: Callable[[], Origin] | None = None,
    ) -> None:
        self._state = state
        self._identity = identity
        self._is_operator = is_operator
        self._find_origin = find_origin or self._read_origin
        self._block = Block()
        self.job = job

    def _read_origin(self) -> Origin:
        if not has_request_context():
            return Origin()
        trust_proxy = self._state.settings.trust_proxy_headers
        return Origin(address=read_address(request, trust_proxy=trust_proxy))

    def __repr__(self) -> str:
        actor = "a user" if self._identity.is_user else "the app"
        return f"<{type(self).__name__} {self.key!r} (job {self.job.job_id}) as {actor}>"

    @property
    def key(self) -> str:
        """The job's key, as in ``current_jobs[key]``."""
        return self.job.key

    def watch(self, run_id: int | str, *, timeout: float | None = None) -> RunWatch:
        """Follow an existing run.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :return: an iterator of the run's states that ends with the terminal one.
        :raises RunNotFound: while iterating: this job has no such run.
        :raises RunTimeout: while iterating: the run did not end in time. It continues.
        """
        run_key = self._run_key(run_id)
        seconds = self._read_timeout(timeout)
        hub, clock = self._state.hub, self._state.clock
        record, on_end = self._state.record, None
        if record is not None:
            on_end = partial(_record_watched_end, self._state, record, run_key)
        arguments = (run_key, hub, clock, seconds, self._require_identity, on_end)
        return RunWatch(
            run_key.run_id, iterate_run(*arguments), partial(iterate_run_async, *arguments)
        )

    def _read_timeout(self, timeout: object) -> float:
        if timeout is None:
            return self.job.wait_timeout
        if not isinstance(timeout, Real) or math.isnan(timeout):
            raise InvalidRequest(f"The timeout must be a number of seconds, not {quote(timeout)}.")
        return float(timeout)

    def wait(self, run_id: int | str, *, timeout: float | None = None) -> RunStatus:
        """Wait for the end of a run and return its final state, also if the run failed.

        :param timeout: seconds; ``None``: the job's ``wait_timeout``.
        :raises RunNotFound: this job has no such run.
        :raises RunTimeout: the run did not end in time. It continues.
        """
        # Without the earlier states: a run of many tasks has thousands, and each may be large.
        (last,) = deque(self.watch(run_id, timeout=timeout), maxlen=1)
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
        ``info`` says so. Each hundred outputs take at most the timeout of one read. The printed
        text of a notebook is in ``logs``, as that of a script.

        :param tasks: the keys of the tasks to read; by default all. A string is one key.
        :raises RunNotFound: this job has no such run.
        :raises InvalidRequest: the run has no such task.
        :raises UpstreamTimeout: the workspace did not send the outputs in time.
        """
        task_keys = normalize_task_keys(tasks) or ()
        documents = cached_reads_of(self).get_outputs(parse_run_id(run_id), task_keys)
        parse = self._state.upstream.parse_output
        return {task_key: parse(document) for task_key, document in documents.items()}

    def read_log(
        self,
        run_id: int | str,
        task: str | int,
        *,
        attempt: int | None = None,
        offset: int = 0,
        limit: int = DEFAULT_PART_BYTES,
    ) -> LogPart:
        """Return a part of a task's log. On the local workspace it grows while the task runs.

        :param task: the key of the task; or the run id of an attempt or of an iteration.
        :param attempt: counted from 1; by default the last one.
        :param offset: where the part begins, by an earlier part; a negative one counts from the
            end.
        :param limit: bytes, at most a million.
        :raises RunNotFound: this job has no such run.
        :raises InvalidRequest: the run has no such task or attempt.
        """
        reads = cached_reads_of(self)
        found = reads.find_task(parse_run_id(run_id), task, attempt)
        return reads.read_log(found, offset, max(1, min(limit, MAX_PART_BYTES)))

    def list_iterations(self, run_id: int | str, task: str) -> list[Iteration]:
        """Return the iterations of a for-each task with all their attempts, in order.

        :param task: the key of the task.
        :raises RunNotFound: this job has no such run.
        :raises InvalidRequest: the run has no such for-each task.
        """
        reads = cached_reads_of(self)
        return reads.list_iterations(reads.find_loop(parse_run_id(run_id), task))

    def read_matrix(self, limit: int = MAX_RUNS) -> Matrix:
        """Return the tasks of the newest runs side by side. Ended runs are read only once.

        :param limit: the maximum number of runs, from 1 to 25.
        :raises InvalidRequest: the limit is below 1.
        """
        state, now = self._state, self._now()
        listed = cached_reads_of(self).list_runs(min(limit, MAX_RUNS)).value
        runs = [
            state.upstream.parse_base_run(redact(each, self.job.secret_overrides))
            for each in listed
        ]
        return Matrix(runs, build_rows(self._read_columns(runs, now)), now)

    def _read_columns(self, runs: Sequence[BaseRun], now: float) -> list[Sequence[MatrixCell]]:
        reads, memo = cached_reads_of(self), self._state.matrix_columns

        def read(run: BaseRun) -> Sequence[MatrixCell]:
            key = (reads.identity_key, self.job.job_id, run.run_id, run.end_time)
            column = memo.get(key) if has_ended(run) else None
            if column is None:
                try:
                    document = reads.get_run(run.run_id or 0).value
                except RunNotFound:  # deleted since it was listed
                    return ()
                column = build_cells(self._state.upstream.parse_run(document), now)
                # The document may be from before a repair.
                if has_ended(run) and document.get("end_time") == run.end_time:
                    memo.put(key, column, len(column) + 1)
            return column

        return reads.run_concurrently(read, runs)

    def compare(self, run_id: int | str, other_run_id: int | str) -> Comparison:
        """Compare two runs: their parameters with secrets redacted, tasks, durations and errors.

        :raises RunNotFound: this job has no such run.
        """
        reads, parse, overrides = (
            cached_reads_of(self),
            self._state.upstream.parse_run,
            self.job.secret_overrides,
        )

        def read(each: int) -> tuple[Run, str]:
            run = parse(redact(reads.get_run(each).value, overrides))
            return run, find_root_error(run, reads, overrides) if has_ended(run) else ""

        found = reads.run_concurrently(read, [parse_run_id(run_id), parse_run_id(other_run_id)])
        found.sort(key=lambda pair: (pair[0].start_time or 0, pair[0].run_id or 0))
        runs, errors = zip(*found, strict=True)
        return build_comparison(runs, errors, self._now())

    def explain(self, run_id: int | str) -> Explanation:
        """Explain why a run failed: its root-cause tasks, last attempt only, with error and trace.

        :raises RunNotFound: this job has no such run.
        """
        reads = cached_reads_of(self)
        document = reads.get_run(parse_run_id(run_id)).value
        run = self._state.upstream.parse_run(document)
        return explain_run(run, reads, document)

    def _now(self) -> int:
        """Return the milliseconds since the epoch."""
        return int(self._state.clock.now() * 1000)

    def _require_identity(self) -> Identity:
        """Return the identity to act with, or raise if this handle must not act."""
        remedy = f"Call it inside 'with current_jobs[{self.key!r}].as_user(request) as handle:'."
        if self._identity.is_user and not self._block.is_open:
            raise HandleClosed(f"This handle acts as a user, and only inside its block. {remedy}")
        if self.job.run_as == "user" and not (self._identity.is_user or self._is_operator):
            raise MissingUserToken(f"The job {self.key!r} runs as its users. {remedy}")
        return self._identity

    def _run_key(self, run_id: int | str) -> RunKey:
        return RunKey(self._require_identity(), self.job, parse_run_id(run_id))


def cached_reads_of(handle: JobReader, *, stale_if_error: bool = False) -> CachedReads:
    """Return the reads of a handle as documents of the Jobs API, each with its age.

    The interfaces use them: they serve documents, and not the SDK's dataclasses.

    :param stale_if_error: return a cached response, marked as stale, if the workspace does not
        respond.
    """
    identity, state = handle._require_identity(), handle._state
    on_end = None if state.record is None else partial(_record_read_end, handle, state.record)
    return CachedReads(
        state.upstream, identity, handle.job, stale_if_error=stale_if_error, on_end=on_end
    )


def read_efforts(handle: JobReader, run_id: int) -> list[Run]:
    """Read the original run and its repairs, oldest first.

    :raises RunNotFound: this job has no such run.
    """
    upstream = handle._state.upstream
    run = upstream.bind(handle._require_identity(), handle.job).get_run(run_id, history=True)
    return parse_efforts(upstream, run.document.get("repair_history") or [])


def parse_efforts(upstream: Upstream, items: Sequence[dict[str, Any]]) -> list[Run]:
    """Parse a repair history, oldest first. Its items have the fields of a run."""
    return sorted(map(upstream.parse_run, items), key=lambda each: each.start_time or 0)


def _record_read_end(handle: JobReader, record: Record, document: dict[str, Any]) -> None:
    """Record the end that a read has shown."""
    state = handle._state

    def parse() -> RunStatus:
        return RunStatus(handle._now(), state.upstream.parse_run(document), document=document)

    record_end(state, record, handle._run_key(document["run_id"]), parse)


def _record_watched_end(
    state: AppState, record: Record, run_key: RunKey, status: RunStatus
) -> None:
    """Record the end that a watch has shown. The thread that polls does so too, but only after it
    has woken the watch: by then a script may be over."""
    record_end(state, record, run_key, lambda: status)


def record_end(
    state: AppState, record: Record, run_key: RunKey, read_status: Callable[[], RunStatus]
) -> None:
    """Record the end of a run, if the record has the run without it."""
    try:
        recorded = record.get_run(*run_key.ids)
        if recorded is not None and recorded.state is RowState.STARTED:
            state.ends.finish(run_key, read_status())
    except Exception as error:  # the reader gets the run nevertheless
        _log.warning("The end of run %s was not recorded: %s", run_key.run_id, error)


def subscribe_to(
    handle: JobReader, run_id: int | str, last_state: StateId | None = None
) -> Subscription:
    """Subscribe to the updates of a run. Close the subscription when you are done.

    :param last_state: the state that the subscriber already has.
    """
    return handle._state.hub.subscribe(handle._run_key(run_id), last_state)
