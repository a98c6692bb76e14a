"""Root causes of ended runs, which the workspace has only in the outputs of their tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..identity import APP
from ..runs.explanation import explain_run
from ..runs.outcome import SUCCESSES, find_root_causes
from ..runs.redaction import redact_text
from ..text import MAX_ERROR_CHARS, clean_line
from ..upstream.cached_reads import CachedReads
from .job_selection import find_job

if TYPE_CHECKING:
    from flask import Flask

    from ..config.jobs import Job
    from ..record.store import Record
    from ..runs.outcome import RunStatus
    from ..upstream.gateway import Upstream

_RECEIVER = "record:error"


class RootCauseRecorder:
    """Records the root causes of runs, as a receiver of the outbox.

    The workspace drops the outputs after 60 days, and the record may be kept for longer.

    :param upstream: opens the calls to the workspace.
    :param jobs: by key.
    """

    def __init__(
        self, record: Record, upstream: Callable[[], Upstream], jobs: Mapping[str, Job]
    ) -> None:
        self._record = record
        self._upstream = upstream
        self._jobs = jobs

    def select(self, payload: Mapping[str, Any]) -> Sequence[str]:
        has_causes = find_root_causes(payload["status"].run.tasks)
        job = self._jobs.get(payload["job"])
        return [_RECEIVER] if has_causes and job and job.run_as == "app" else []

    def find(self) -> Mapping[str, Callable[..., Any]]:
        return {_RECEIVER: self._record_cause}

    def _record_cause(
        self, _app: Flask, *, job: str, run_id: int, status: RunStatus, **_: Any
    ) -> None:
        job_id = int(status.run.job_id or 0)
        found = find_job(self._jobs, job, job_id)
        if found is not None and (cause := read_root_cause(self._upstream, found, status)):
            error = clean_line(redact_text(cause, found.secret_overrides), MAX_ERROR_CHARS)
            self._record.explain_end(job_id, run_id, status.run.end_time or 0, error)


def read_root_cause(upstream: Callable[[], Upstream], job: Job, status: RunStatus) -> str:
    """Return the root cause of an end; empty if it cannot be read as the app."""
    if status.outcome in SUCCESSES or job.run_as != "app":
        return ""
    tasks = explain_run(status.run, CachedReads(upstream(), APP, job), status.document).tasks
    if not tasks:
        return ""
    first, others = tasks[0], len(tasks) - 1
    more = f" (and {others} other tasks)" if others > 1 else " (and another task)"
    text = first.error or first.message
    return f"{first.task_key}: {text}{more if others else ''}" if text else ""
