"""What starts a job of itself, in words. Pure: from the SDK's dataclasses.

The Jobs API does not tell when a job starts next, and to work it out would take an evaluator of
Quartz expressions. Shown is what is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sdk_types import JobSettings

#: What is said of a trigger, by its field in a job's ``trigger``.
EVENTS: Mapping[str, str] = {
    "file_arrival": "when files arrive",
    "job_completion": "after another job",
    "model": "when a model changes",
    "table_update": "when tables change",
}


@dataclass(frozen=True)
class Schedule:
    """What starts a job of itself.

    :param words: when.
    :param is_paused: whether it does not do so for the time being.
    """

    words: str
    is_paused: bool


def schedule_of(settings: JobSettings | None) -> Schedule | None:
    """What starts a job of itself; ``None`` where somebody has to.

    :param settings: of its definition in the workspace, where that is known.
    """
    document = settings.as_dict() if settings else {}
    for field, in_words in (
        ("schedule", _cron),
        ("trigger", _trigger),
        ("continuous", lambda _: "always, one run after another"),
    ):
        found = document.get(field)
        if found:
            return Schedule(in_words(found), found.get("pause_status") == "PAUSED")
    return None


def _cron(schedule: Mapping[str, Any]) -> str:
    return f"{schedule['quartz_cron_expression']} ({schedule.get('timezone_id', 'UTC')})"


def _trigger(trigger: Mapping[str, Any]) -> str:
    if "periodic" in trigger:
        count = trigger["periodic"]["interval"]
        unit = trigger["periodic"]["unit"].lower().rstrip("s")
        return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    return next((said for field, said in EVENTS.items() if field in trigger), "by a trigger")
