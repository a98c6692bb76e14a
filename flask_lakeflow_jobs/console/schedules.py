"""Schedules and triggers of jobs as text. Pure: from the SDK's dataclasses.

The Jobs API does not say when a job starts next, and computing it would take an evaluator of Quartz
expressions. Pages show the setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sdk_types import JobSettings

#: Triggers by their field in a job's ``trigger``.
TRIGGER_LABELS: Mapping[str, str] = {
    "file_arrival": "when files arrive",
    "job_completion": "after another job",
    "model": "when a model changes",
    "table_update": "when tables change",
}


@dataclass(frozen=True)
class Schedule:
    """A schedule or trigger of a job."""

    label: str
    is_paused: bool


def schedule_of(settings: JobSettings | None) -> Schedule | None:
    """Return the schedule or trigger of a job; ``None`` if it has none.

    :param settings: of its definition in the workspace; ``None``: not known.
    """
    document = settings.as_dict() if settings else {}
    for field, describe in (
        ("schedule", _cron),
        ("trigger", _trigger),
        ("continuous", lambda _: "always, one run after another"),
    ):
        found = document.get(field)
        if found:
            return Schedule(describe(found), found.get("pause_status") == "PAUSED")
    return None


def _cron(schedule: Mapping[str, Any]) -> str:
    return f"{schedule['quartz_cron_expression']} ({schedule.get('timezone_id', 'UTC')})"


def _trigger(trigger: Mapping[str, Any]) -> str:
    if "periodic" in trigger:
        count = trigger["periodic"]["interval"]
        unit = trigger["periodic"]["unit"].lower().rstrip("s")
        return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    return next(
        (label for field, label in TRIGGER_LABELS.items() if field in trigger), "by a trigger"
    )
