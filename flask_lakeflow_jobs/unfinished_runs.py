"""Recorded runs without an end, read again from the workspace.

The record learns of an end when somebody reads the run, or if the app follows its runs. So a list
of the record reads such runs before it shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import RunNotFound
from .globals import current_state
from .reader import cached_reads_of
from .record.values import RowState
from .runs.durations import duration_of, end_of
from .runs.outcome import Outcome, has_ended, outcome_of, parse_state
from .runs.redaction import redact

if TYPE_CHECKING:
    from .reader import JobReader
    from .record.values import RecordedRun


class PresentState(NamedTuple):
    """A run as the workspace has it now. Times are in milliseconds since the epoch.

    :param outcome: ``UNKNOWN`` if the workspace has deleted the run.
    :param seconds: how long it took; ``None`` while it is active, or if that is not known.
    :param error: the message of an ended run, redacted.
    """

    outcome: Outcome
    started_at: int | None = None
    ended_at: int | None = None
    seconds: float | None = None
    error: str | None = None


def is_unfinished(run: RecordedRun, present_id: int) -> bool:
    """Return whether the record has no end of a run that the app can read.

    :param present_id: the id of the job. The key may have had another one, and the app reads runs
        of the present one only.
    """
    return run.state is RowState.STARTED and run.job_id == present_id


def read_present_state(
    handle: JobReader, run_id: int, started_at: int | None, *, stale_if_error: bool = False
) -> PresentState:
    """Read the state of an unfinished run; the read records its end, if there is one.

    :param started_at: the start that the record has, for a run without one in the workspace.
    :param stale_if_error: as for :func:`.cached_reads_of`.
    """
    reads = cached_reads_of(handle, stale_if_error=stale_if_error)
    try:
        document = reads.get_run(run_id).value
    except RunNotFound:  # the workspace has deleted it, and nobody knows how long it took
        return PresentState(Outcome.UNKNOWN)
    fields = {name: value for name, value in document.items() if name != "tasks"}
    run = current_state().upstream.parse_run(redact(fields, handle.job.secret_overrides))
    return PresentState(
        outcome=outcome_of(run),
        started_at=run.start_time or started_at,
        ended_at=end_of(run),
        seconds=duration_of(run),
        error=(parse_state(run).message or None) if has_ended(run) else None,
    )
