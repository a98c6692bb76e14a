"""The schedule or trigger of a job, in words."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import JobSettings

from flask_lakeflow_jobs.console.schedules import Schedule, schedule_of

CRON = {"quartz_cron_expression": "0 30 6 * * ?", "timezone_id": "UTC"}


@pytest.mark.parametrize(
    ("settings", "schedule"),
    [
        ({"schedule": CRON}, Schedule("0 30 6 * * ? (UTC)", is_paused=False)),
        (
            {"schedule": {**CRON, "pause_status": "PAUSED"}},
            Schedule("0 30 6 * * ? (UTC)", is_paused=True),
        ),
        (
            {"trigger": {"periodic": {"interval": 1, "unit": "DAYS"}}},
            Schedule("every day", is_paused=False),
        ),
        (
            {"trigger": {"periodic": {"interval": 4, "unit": "HOURS"}, "pause_status": "PAUSED"}},
            Schedule("every 4 hours", is_paused=True),
        ),
        (
            {"trigger": {"file_arrival": {"url": "s3://x/"}, "pause_status": "UNPAUSED"}},
            Schedule("when files arrive", is_paused=False),
        ),
        ({"trigger": {"pause_status": "UNPAUSED"}}, Schedule("by a trigger", is_paused=False)),
        (
            {"continuous": {"pause_status": "UNPAUSED"}},
            Schedule("always, one run after another", is_paused=False),
        ),
        ({"name": "x"}, None),
    ],
)
def test_schedule_label_describes_each_trigger(
    settings: dict[str, Any], schedule: Schedule | None
) -> None:
    assert schedule_of(JobSettings.from_dict(settings)) == schedule


def test_schedule_of_unknown_job_is_none() -> None:
    assert schedule_of(None) is None
