"""Fields that mean nothing here: they are kept, and change no run."""

from __future__ import annotations

from typing import Any

from tests.local.conftest import Serve
from tests.local.support import python_task, state_fields

_NOTIFICATIONS: dict[str, Any] = {
    "email_notifications": {"on_failure": ["jo@example.com"]},
    "health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 1}]},
    "notification_settings": {"no_alert_for_canceled_runs": True},
    "webhook_notifications": {"on_start": [{"id": "hook"}]},
}
_JOB: dict[str, Any] = {
    **_NOTIFICATIONS,
    "budget_policy_id": "budget",
    "continuous": {"pause_status": "UNPAUSED"},
    "description": "of the job",
    "duration_target": "4h",
    "parent_path": "/Workspace/jobs",
    "performance_target": "PERFORMANCE_OPTIMIZED",
    "schedule": {
        "quartz_cron_expression": "0 0 * * * ?",
        "timezone_id": "UTC",
        "pause_status": "UNPAUSED",
    },
    "trigger": {"periodic": {"interval": 1, "unit": "DAYS"}, "pause_status": "UNPAUSED"},
    "triggers": [{"periodic": {"interval": 1, "unit": "DAYS"}}],
    "usage_policy_id": "usage",
}
_TASK: dict[str, Any] = {
    **_NOTIFICATIONS,
    "compute": {"hardware_accelerator": "GPU_1xA10"},
    "description": "of the task",
    "disable_auto_optimization": True,
    "existing_cluster_id": "1234-567890-abcde",
}


def test_fields_without_a_local_meaning_are_kept_and_shown(serve: Serve) -> None:
    job = {**_JOB, "tasks": [python_task("main", **_TASK)]}
    client = serve({"etl": job}, {"main.py": "print('done')"})
    run = client.run("etl")
    assert state_fields(run)[1] == "SUCCESS"
    assert client.outputs(run)["main"].logs == "done\n"
    path = f"/api/2.2/jobs/get?job_id={client.job_ids['etl']}"
    settings = client.http("GET", path)[1]["settings"]
    (task,) = settings["tasks"]
    assert {key: settings.get(key) for key in _JOB} == _JOB
    assert {key: task.get(key) for key in _TASK} == _TASK
