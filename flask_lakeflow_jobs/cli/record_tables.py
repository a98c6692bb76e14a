"""Runs, actions and deliveries of the record as tables for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..runs.outcome import Outcome
from .formatting import format_datetime, format_moment, format_outcome, local_zones
from .tables import format_table

if TYPE_CHECKING:
    from ..record.actions import RecordedAction
    from ..record.deliveries import Delivery
    from ..record.values import RecordedRun


def format_recorded_runs(
    rows: Sequence[RecordedRun],
    width: int | None,
) -> list[str]:
    """Format runs.

    :param width: as for :func:`.format_table`.
    """
    zones = local_zones(at for row in rows for at in (row.requested_at, row.ended_at))
    return format_table(
        ["RUN ID", "JOB", "OUTCOME", f"REQUESTED ({zones})", "ENDED", "BY", "ERROR"],
        (
            [
                str(row.run_id or "-"),
                row.job_key,
                _format_outcome(row),
                format_datetime(row.requested_at),
                format_datetime(row.ended_at),
                row.requested_by or "",
                row.error or "",
            ]
            for row in rows
        ),
        width,
    )


def _format_outcome(row: RecordedRun) -> str:
    """Format the outcome of a run, or else the state of its row."""
    return format_outcome(Outcome.parse(row.outcome)) if row.outcome else row.state.value.upper()


def format_actions(rows: Sequence[RecordedAction], width: int | None) -> list[str]:
    zones = local_zones(row.at for row in rows)
    return format_table(
        [f"TIME ({zones})", "ACTION", "RESULT", "JOB", "RUN ID", "BY", "FROM", "DETAIL"],
        (
            [
                format_datetime(row.at),
                row.action,
                row.result,
                row.job_key,
                str(row.run_id or ""),
                row.requested_by or "",
                f"{row.source} {row.address or ''}".strip(),
                row.detail or "",
            ]
            for row in rows
        ),
        width,
    )


def _describe_state(delivery: Delivery) -> str:
    if delivery.failed_at:
        return "given up"
    due_at = max(delivery.created_at, delivery.next_attempt_at)  # the latter may be AT_ONCE
    return f"next {format_moment(due_at)}"


def format_deliveries(rows: Sequence[Delivery], width: int | None) -> list[str]:
    return format_table(
        ["RUN ID", "JOB", "RECEIVER", "ATTEMPTS", "STATE", "ERROR"],
        (
            [
                str(row.run_id),
                row.job_key,
                row.receiver,
                str(row.attempts),
                _describe_state(row),
                row.last_error or "",
            ]
            for row in rows
        ),
        width,
    )
