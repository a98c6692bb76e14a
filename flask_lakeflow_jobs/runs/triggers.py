"""The schedule and triggers of a job: their words, next start and pause status. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import Conflict
from .quartz import describe_quartz, parse_quartz

#: The fields of a job's settings with one trigger each.
SINGLE_FIELDS = ("schedule", "trigger", "continuous")

PAUSED, UNPAUSED = "PAUSED", "UNPAUSED"

#: Triggers without a time, by their field.
EVENT_LABELS: Mapping[str, str] = {
    "file_arrival": "when files arrive",
    "job_completion": "after another job",
    "model": "when a model changes",
    "table_update": "when tables change",
}


@dataclass(frozen=True)
class Trigger:
    """A schedule or trigger of a job.

    :param next_start: milliseconds since the epoch; ``None``: not known, or paused.
    """

    label: str
    is_paused: bool
    next_start: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the trigger as a document of the HTTP API."""
        return {"label": self.label, "paused": self.is_paused, "nextStart": self.next_start}


def triggers_of(job: Mapping[str, Any], now: float) -> list[Trigger]:
    """Return the schedule and triggers of a job; empty if it has none.

    :param job: a response of ``jobs/get``, with ``trigger_details`` if the workspace sends them.
    :param now: milliseconds since the epoch.
    """
    settings = job.get("settings") or {}
    if triggers := settings.get("triggers"):
        details = [*(job.get("trigger_details") or ()), *[None] * len(triggers)]
        return [
            _describe(trigger, (detail or {}).get("state") or {}, now)
            for trigger, detail in zip(triggers, details, strict=False)
        ]
    return [_describe(each, {}, now) for each in _single_triggers(settings)]


def _single_triggers(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the triggers of the fields with one trigger each, in the form of ``triggers``."""
    return [
        {**found} if field == "trigger" else {**found, field: found}
        for field in SINGLE_FIELDS
        if (found := settings.get(field))
    ]


def _describe(trigger: Mapping[str, Any], state: Mapping[str, Any], now: float) -> Trigger:
    is_paused = trigger.get("pause_status") == PAUSED
    label, next_start = _read_times(trigger, state, now)
    schedule = trigger.get("schedule") or {}
    if trigger.get("sql_condition") or schedule.get("sql_condition"):
        label = f"{label}, if its SQL condition holds"
    return Trigger(label, is_paused, None if is_paused else next_start)


def _read_times(
    trigger: Mapping[str, Any], state: Mapping[str, Any], now: float
) -> tuple[str, int | None]:
    if "schedule" in trigger:
        return _read_schedule(trigger["schedule"], now)
    if "periodic" in trigger:
        next_start = (state.get("periodic") or {}).get("next_run_time")
        return _describe_period(trigger["periodic"]), next_start
    if "continuous" in trigger:
        next_start = (state.get("continuous") or {}).get("next_attempt_ms")
        return "always, one run after another", next_start
    labels = (label for field, label in EVENT_LABELS.items() if field in trigger)
    return next(labels, "by a trigger"), None


def _describe_period(periodic: Mapping[str, Any]) -> str:
    count, unit = periodic.get("interval"), str(periodic.get("unit", "")).lower().rstrip("s")
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def _read_schedule(schedule: Mapping[str, Any], now: float) -> tuple[str, int | None]:
    expression = schedule.get("quartz_cron_expression") or ""
    zone_id = schedule.get("timezone_id") or "UTC"
    quartz = parse_quartz(expression)
    words = describe_quartz(quartz) if quartz else None
    label = f"{words} {zone_id}" if words else f"{expression} ({zone_id})"
    zone = _find_zone(zone_id)
    if quartz is None or zone is None:
        return label, None
    return label, _find_next(quartz.next_after, zone, now)


def _find_zone(zone_id: str) -> dt.tzinfo | None:
    """Return a time zone; ``None`` if Python knows none of that name. Java knows more."""
    if zone_id == "UTC":  # also without a database of time zones
        return dt.timezone.utc
    try:
        return ZoneInfo(zone_id)
    except (LookupError, OSError, ValueError):
        return None


def _find_next(
    next_after: Callable[[dt.datetime], dt.datetime | None], zone: dt.tzinfo, now: float
) -> int | None:
    """Return the next time in milliseconds since the epoch.

    When clocks change, Quartz may skip, repeat or move a time. Nothing is returned then.
    """
    local_now = dt.datetime.fromtimestamp(now / 1000, zone)
    found = next_after(local_now.replace(tzinfo=None))
    if found is None:
        return None
    moment = found.replace(tzinfo=zone)
    if not (_is_regular(local_now) and _is_regular(moment)):
        return None
    return round(moment.timestamp() * 1000)


def _is_regular(moment: dt.datetime) -> bool:
    """Return whether a local time exists exactly once."""
    return moment.replace(fold=0).utcoffset() == moment.replace(fold=1).utcoffset()


def next_start_of(triggers: Sequence[Trigger]) -> int | None:
    """Return the earliest of the known next starts."""
    return min((each.next_start for each in triggers if each.next_start), default=None)


def build_pause_update(settings: Mapping[str, Any], *, paused: bool, job: str) -> dict[str, Any]:
    """Return the ``new_settings`` of ``jobs/update`` that pause or resume a job.

    An update replaces a field as a whole, so each has everything that it had.

    :param settings: as the workspace has them, with fields that the SDK does not know.
    :param job: the job's key, for the message.
    :return: empty if there is nothing to change.
    :raises Conflict: the job has no schedule and no trigger.
    """
    status = PAUSED if paused else UNPAUSED
    fields = [field for field in SINGLE_FIELDS if settings.get(field)]
    triggers = settings.get("triggers") or []
    # The workspace may show a trigger in both forms, and refuses both in one update.
    if len(triggers) > len(fields):
        fields = []
    else:
        triggers = [] if fields else triggers
    if not fields and not triggers:
        raise Conflict(
            f"The job {job!r} has no schedule and no trigger. Add one to its definition first."
        )
    changes: dict[str, Any] = {
        field: {**settings[field], "pause_status": status}
        for field in fields
        if settings[field].get("pause_status", UNPAUSED) != status
    }
    if any(trigger.get("pause_status", UNPAUSED) != status for trigger in triggers):
        changes["triggers"] = [{**trigger, "pause_status": status} for trigger in triggers]
    return changes
