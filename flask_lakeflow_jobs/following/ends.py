"""Ends and repairs of runs: with a record, each is recorded once, and the outbox delivers it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import signals
from ..clock import CLOCK_SKEW_SECONDS
from ..errors import DatabaseUnavailable, JobNotFound, LakeflowJobsError, RecordOutdated
from ..identity import display_name
from ..record.recording import describe_params
from ..record.values import RunEnd
from ..runs import RETENTION_MS
from ..runs.durations import duration_of
from ..runs.outcome import (
    SUCCESSES,
    RunStatus,
    find_root_causes,
    parse_state,
    select_last_attempts,
)
from ..runs.redaction import redact_text
from ..runs.run_parameters import fields_of
from ..text import MAX_ERROR_CHARS, clean_line
from .delivery import DeferredWrite, Outbox
from .receivers import END_SIGNAL, OwnReceivers, Receivers

if TYPE_CHECKING:
    from flask import Flask

    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.store import Record
    from ..sdk_types import Run
    from ..watching.snapshot import Restore
    from ..watching.watched_run import RunKey

#: The signals that go through the outbox, by the names that the record has.
OUTBOX_SIGNALS = {END_SIGNAL: signals.run_finished, "run_repaired": signals.run_repaired}

#: A run that was started elsewhere and is not recorded yet is recorded if it ended since then.
#: Opening the page of an older run must not notify anyone.
RECENT_SECONDS = 3600.0

#: Seconds for which it is known that the workspace has no such job.
MISSING_JOB_SECONDS = 60.0

#: The error of a run whose end will never be known.
NO_RUN = "The workspace no longer has this run, so its end is unknown."

#: Seconds after an outage of the database in which other processes make the writes that they kept.
OUTAGE_SECONDS = 600.0

_log = logging.getLogger("flask_lakeflow_jobs")


class EndSender:
    """Sends the signals of ends and repairs to the receivers of this process, and records nothing.

    An app without a record needs no more.
    """

    @property
    def has_deferred(self) -> bool:
        """True while the record refuses writes, which wait."""
        return False

    def __init__(self, app: Flask) -> None:
        self._app = app

    def finish(self, run_key: RunKey, status: RunStatus) -> None:
        """Announce the end of a run."""
        self._send(END_SIGNAL, _end_payload(run_key, status))

    def repair(self, run_key: RunKey, ended: RunStatus, repair_id: int, user: str | None) -> None:
        """Announce that a run is repaired.

        :param ended: the state of the run before the repair.
        :param user: the name of the requester.
        """
        self._send("run_repaired", _repair_payload(run_key, repair_id, user))

    def abandon(self, run_key: RunKey) -> bool:
        """Record that the end of a run will never be known, because the workspace deleted it.

        :return: whether it did. If the workspace does not have the job of the run either, the run
            may belong to another workspace, which the app used before.
        """
        return True

    def defer(self, write: DeferredWrite) -> None:
        """Write something to the record, if there is one, as soon as it can be reached again."""

    def stop(self) -> None:
        """Start no further delivery, and wait a few seconds for the one that runs."""

    def _send(self, signal: str, payload: Mapping[str, Any]) -> None:
        signals.send(OUTBOX_SIGNALS[signal], self._app, **payload)


class EndRecorder(EndSender):
    """Records ends and repairs of runs, and has the outbox deliver them.

    :param jobs: by key.
    :param read_job: reads a job from the workspace.
    """

    def __init__(
        self,
        app: Flask,
        record: Record,
        jobs: Mapping[str, Job],
        clock: Clock,
        restore: Restore,
        read_job: Callable[[Job], object],
        *,
        own_receivers: Sequence[OwnReceivers] = (),
        has_threads: bool = True,
    ) -> None:
        super().__init__(app)
        self._record = record
        self._clock = clock
        self._read_job = read_job
        self._missing_until: dict[int, float] = {}  # jobs that the workspace does not have
        self._receivers = Receivers(app, OUTBOX_SIGNALS, jobs, restore, own_receivers)
        self.outbox = Outbox(record, self._receivers, clock, has_threads=has_threads)

    @property
    def has_deferred(self) -> bool:
        return self.outbox.has_deferred

    def defer(self, write: DeferredWrite) -> None:
        self.outbox.defer(write)

    def stop(self) -> None:
        self.outbox.stop()

    def finish(self, run_key: RunKey, status: RunStatus) -> None:
        """Record the end of a run; repeated calls for one end have no effect.

        While the database is unavailable, the end is kept and recorded later.
        """
        write, payload = partial(self._finish, run_key, status), _end_payload(run_key, status)
        self._write(run_key, "end", write, END_SIGNAL, payload)

    def repair(self, run_key: RunKey, ended: RunStatus, repair_id: int, user: str | None) -> None:
        """Record that a run is repaired, and its end before the repair."""
        payload = _repair_payload(run_key, repair_id, user)
        write = partial(self._repair, run_key, ended, payload)
        self._write(run_key, "repair", write, "run_repaired", payload)

    def _write(
        self,
        run_key: RunKey,
        what: str,
        write: DeferredWrite,
        signal: str,
        payload: Mapping[str, Any],
    ) -> None:
        """Write to the record, now or later; send the signal here if that is not possible."""
        try:
            if self.outbox.has_deferred and self._record.get_run(*run_key.ids) is None:
                self.defer(write)  # after those that may add the row of the run
            else:
                write()
        except DatabaseUnavailable as error:
            _log.warning(
                "The %s of run %d is not recorded yet. This process tries again while it runs: %s",
                *(what, run_key.run_id, error),
            )
            self.outbox.defer(write)
        except RecordOutdated as error:
            _log.error("The %s of run %d is not recorded: %s", what, run_key.run_id, error)
            self._send(signal, payload)

    def abandon(self, run_key: RunKey) -> bool:
        if not self._is_lost(run_key):
            return False
        abandon = partial(self._record.abandon_run, *run_key.ids, NO_RUN)
        if self._record.attempt(abandon):  # other readers may have been earlier
            _log.warning("Run %d of %s: %s", run_key.run_id, run_key.job.key, NO_RUN)
        return True

    def _is_lost(self, run_key: RunKey) -> bool:
        """Return whether no workspace has a run that the workspace of the app does not have."""
        job, now = run_key.job, self._clock.monotonic()
        try:
            row = self._record.get_run(*run_key.ids)
            if row and self._clock.now() * 1000 - row.requested_at > RETENTION_MS:
                return True
            if now < self._missing_until.get(job.job_id, now):
                return False
            self._read_job(job)
        except JobNotFound:
            self._missing_until[job.job_id] = now + MISSING_JOB_SECONDS
            return False
        except LakeflowJobsError:
            return False
        return True

    def _finish(self, run_key: RunKey, status: RunStatus) -> None:
        if self._record_end(run_key, status):
            self.outbox.wake()
        else:
            self._send(END_SIGNAL, _end_payload(run_key, status))

    def _repair(self, run_key: RunKey, ended: RunStatus, payload: Mapping[str, Any]) -> None:
        # first: a process that sees this end later would take it for the end of the repair
        self._record_end(run_key, ended)
        ended_at = build_end(run_key, ended).ended_at
        receivers, text = self._receivers.prepare("run_repaired", payload)
        repair_id = payload["repair_id"]
        if self._record.reopen_run(*run_key.ids, repair_id, ended_at, receivers, payload=text):
            self.outbox.wake()
        else:
            self._send("run_repaired", payload)

    def _record_end(self, run_key: RunKey, status: RunStatus) -> bool:
        """Record an end with its deliveries, and the run if it has no row.

        :return: whether the record has the run.
        """
        end = build_end(run_key, status)
        receivers, text = self._receivers.prepare(END_SIGNAL, _end_payload(run_key, status))
        finish = partial(self._record.finish_run, end, receivers, payload=text)
        if finish() or self._record.get_run(*run_key.ids) is not None:
            return True
        if not self._add_found_run(run_key, status):
            return False
        finish()
        return True

    def _add_found_run(self, run_key: RunKey, status: RunStatus) -> bool:
        """Record a run that was started elsewhere, if all runs of its job are followed.

        Of other jobs, record one that may belong to a request without a response. The request
        takes this row over when it is resolved.
        """
        run, job = status.run, run_key.job
        age = self._clock.now() - (run.end_time or 0) / 1000
        if job.run_as != "app" or age > RECENT_SECONDS:
            return False
        if job.follow != "all" and not self._may_be_requested(run_key, run):
            return False
        self._record.add_found_run(
            job.key,
            job.job_id,
            run_key.run_id,
            started_at=run.start_time or status.timestamp,
            requested_by=display_name(run.creator_user_name),
            page_url=run.run_page_url,
        )
        return True

    def _may_be_requested(self, run_key: RunKey, run: Run) -> bool:
        if self._clock.monotonic() - self._record.unavailable_at < OUTAGE_SECONDS:
            return True  # its row may wait in the process that has requested it
        started_at = run.start_time or 0
        latest = started_at + round(CLOCK_SKEW_SECONDS * 1000)
        rows = self._record.list_unresolved_runs([run_key.job.job_id], latest)
        return any(started_at - row.requested_at < RECENT_SECONDS * 1000 for row in rows)

    def _send(self, signal: str, payload: Mapping[str, Any]) -> None:
        with self._app.app_context():
            super()._send(signal, payload)


def _end_payload(run_key: RunKey, status: RunStatus) -> dict[str, Any]:
    return {"job": run_key.job.key, "run_id": run_key.run_id, "status": status}


def _repair_payload(run_key: RunKey, repair_id: int, user: str | None) -> dict[str, Any]:
    run = {"job": run_key.job.key, "run_id": run_key.run_id}
    return {**run, "repair_id": repair_id, "user": user}


def build_end(run_key: RunKey, status: RunStatus) -> RunEnd:
    """Return the end of a run as the record has it: the same in every process that sees it."""
    run, took = status.run, duration_of(status.run)
    return RunEnd(
        job_id=run_key.job.job_id,
        run_id=run_key.run_id,
        outcome=status.outcome.value,
        started_at=run.start_time,
        ended_at=run.end_time or run.start_time or 0,
        error=summarize_error(run_key.job, status),
        attempts=sum((task.attempt_number or 0) + 1 for task in select_last_attempts(run.tasks)),
        page_url=run.run_page_url,
        duration=None if took is None else round(1000 * took),
        params=describe_params(fields_of(run), run_key.job),
    )


def summarize_error(job: Job, status: RunStatus) -> str | None:
    """Return why a run did not succeed, in one line without secrets; ``None`` if it did.

    This makes no request, so the line has the messages of the workspace, and no task's own error.
    ``root_causes`` adds that.
    """
    if status.outcome in SUCCESSES:
        return None
    text = parse_state(status.document or status.run).message
    causes = find_root_causes(status.run.tasks)
    if causes and (message := parse_state(causes[0]).message):
        text = f"{causes[0].task_key}: {message}"
    return clean_line(redact_text(text, job.secret_overrides), MAX_ERROR_CHARS) or None
