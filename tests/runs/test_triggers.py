"""The schedule and triggers of a job: in words, their next start, and how to pause them."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from flask_lakeflow_jobs import Conflict
from flask_lakeflow_jobs.runs.triggers import (
    Trigger,
    build_pause_update,
    next_start_of,
    triggers_of,
)

CRON = {"quartz_cron_expression": "0 30 4 * * ?", "timezone_id": "Europe/Berlin"}


def in_utc(*fields: int) -> int:
    return round(dt.datetime(*fields, tzinfo=dt.timezone.utc).timestamp() * 1000)  # type: ignore[misc,arg-type]


NOW = in_utc(2026, 11, 26, 6)
TOMORROW = in_utc(2026, 11, 27, 3, 30)
DAILY = "every day at 04:30 Europe/Berlin"


@pytest.mark.parametrize(
    ("settings", "trigger"),
    [
        ({"schedule": CRON}, Trigger(DAILY, False, TOMORROW)),
        ({"schedule": {**CRON, "pause_status": "PAUSED"}}, Trigger(DAILY, True)),
        (
            {"schedule": {**CRON, "sql_condition": {"sql": "…"}}},
            Trigger(f"{DAILY}, if its SQL condition holds", False, TOMORROW),
        ),
        (
            {"schedule": {**CRON, "timezone_id": "GMT+02:00"}},
            Trigger("every day at 04:30 GMT+02:00", False),
        ),
        (
            {"schedule": {**CRON, "timezone_id": "../etc/passwd"}},
            Trigger("every day at 04:30 ../etc/passwd", False),
        ),
        (
            {"schedule": {"quartz_cron_expression": "0 0/7 * * * ?", "timezone_id": "UTC"}},
            Trigger("0 0/7 * * * ? (UTC)", False, in_utc(2026, 11, 26, 6, 7)),
        ),
        (
            {"schedule": {"quartz_cron_expression": "at night", "timezone_id": "UTC"}},
            Trigger("at night (UTC)", False),
        ),
        ({"trigger": {"periodic": {"interval": 1, "unit": "DAYS"}}}, Trigger("every day", False)),
        (
            {"trigger": {"periodic": {"interval": 4, "unit": "HOURS"}, "pause_status": "PAUSED"}},
            Trigger("every 4 hours", True),
        ),
        ({"trigger": {"file_arrival": {"url": "s3://x/"}}}, Trigger("when files arrive", False)),
        ({"trigger": {"pause_status": "UNPAUSED"}}, Trigger("by a trigger", False)),
        (
            {"continuous": {"pause_status": "PAUSED"}},
            Trigger("always, one run after another", True),
        ),
    ],
)
def test_triggers_of_single_fields_are_described(
    settings: dict[str, Any], trigger: Trigger
) -> None:
    assert triggers_of({"settings": settings}, NOW) == [trigger]


@pytest.mark.parametrize("job", [{}, {"settings": {"name": "x"}}, {"settings": {"triggers": []}}])
def test_triggers_of_job_without_any_are_none(job: dict[str, Any]) -> None:
    assert triggers_of(job, NOW) == []
    assert next_start_of([]) is None


def test_triggers_of_several_have_their_states() -> None:
    triggers = [
        {"periodic": {"interval": 2, "unit": "WEEKS"}, "pause_status": "UNPAUSED"},
        {"continuous": {"task_retry_mode": "NEVER"}},
        {"schedule": CRON},
        {"table_update": {"table_names": ["a.b.c"]}, "pause_status": "PAUSED"},
    ]
    details = [
        {"state": {"periodic": {"next_run_time": 7}}},
        {"state": {"continuous": {"next_attempt_ms": 5}}},
        {},
    ]
    found = triggers_of({"settings": {"triggers": triggers}, "trigger_details": details}, NOW)
    assert found == [
        Trigger("every 2 weeks", False, 7),
        Trigger("always, one run after another", False, 5),
        Trigger(DAILY, False, TOMORROW),
        Trigger("when tables change", True),
    ]
    assert next_start_of(found) == 5


@pytest.mark.parametrize(
    ("now", "expression", "expected"),
    [
        # In Berlin, clocks go from 2:00 to 3:00 on March 28, 2027, and back on October 31.
        (in_utc(2027, 3, 27, 12), "0 30 2 * * ?", None),
        (in_utc(2027, 3, 28, 0, 59), "0 30 2,3 * * ?", None),
        (in_utc(2027, 3, 28, 0, 59), "0 30 3 * * ?", in_utc(2027, 3, 28, 1, 30)),
        (in_utc(2027, 10, 30, 12), "0 30 2 * * ?", None),
        (in_utc(2027, 10, 31, 0, 45), "0 0/30 * * * ?", None),
        (in_utc(2027, 10, 31, 1, 45), "0 0 3 * * ?", None),
        (in_utc(2027, 10, 31, 2, 0), "0 30 3 * * ?", in_utc(2027, 10, 31, 2, 30)),
    ],
)
def test_next_start_is_unknown_where_clocks_change(
    now: int, expression: str, expected: int | None
) -> None:
    schedule = {"quartz_cron_expression": expression, "timezone_id": "Europe/Berlin"}
    (trigger,) = triggers_of({"settings": {"schedule": schedule}}, now)
    assert trigger.next_start == expected


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"schedule": CRON, "name": "x"}, {"schedule": {**CRON, "pause_status": "PAUSED"}}),
        (
            {"continuous": {"new_field": 1, "pause_status": "UNPAUSED"}},
            {"continuous": {"new_field": 1, "pause_status": "PAUSED"}},
        ),
        ({"trigger": {"periodic": {}, "pause_status": "PAUSED"}}, {}),
        (
            {"triggers": [{"schedule": CRON}, {"model": {}, "pause_status": "PAUSED"}]},
            {
                "triggers": [
                    {"schedule": CRON, "pause_status": "PAUSED"},
                    {"model": {}, "pause_status": "PAUSED"},
                ]
            },
        ),
        (  # the workspace may show one trigger in both forms
            {"schedule": CRON, "triggers": [{"schedule": CRON}]},
            {"schedule": {**CRON, "pause_status": "PAUSED"}},
        ),
        (  # the first of several
            {"schedule": CRON, "triggers": [{"schedule": CRON}, {"model": {}}]},
            {
                "triggers": [
                    {"schedule": CRON, "pause_status": "PAUSED"},
                    {"model": {}, "pause_status": "PAUSED"},
                ]
            },
        ),
    ],
)
def test_pause_update_changes_only_the_pause_status(
    settings: dict[str, Any], changes: dict[str, Any]
) -> None:
    before = copy.deepcopy(settings)
    assert build_pause_update(settings, paused=True, job="etl") == changes
    assert settings == before
    resumed = build_pause_update({**settings, **changes}, paused=False, job="etl")
    assert str(changes).replace("'PAUSED'", "'UNPAUSED'") == str(resumed) or not changes


def test_pause_update_without_trigger_raises_conflict() -> None:
    with pytest.raises(Conflict, match="'etl' has no schedule and no trigger"):
        build_pause_update({"name": "x"}, paused=True, job="etl")
