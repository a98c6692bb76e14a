"""What the service fills in where a job's settings say nothing."""

from __future__ import annotations

from flask_lakeflow_jobs.local.model import MULTI_TASK, Settings


def with_defaults(settings: Settings) -> Settings:
    """A job's settings as jobs/get tells them.

    Source: what the CLI's own stand-in fills in, after the service (databricks/cli,
    ``libs/testserver/jobs.go``).
    """
    return {
        "email_notifications": {},
        "webhook_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": 1,
        "format": MULTI_TASK,
        **settings,
        "tasks": [
            {"email_notifications": {}, "run_if": "ALL_SUCCESS", "timeout_seconds": 0, **task}
            for task in settings["tasks"]
        ],
    }
