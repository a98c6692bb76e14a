"""Notifications from Databricks to an app."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

USER, PASSWORD = "databricks", "correct horse"
LOGIN = {
    "LAKEFLOW_JOBS_WEBHOOK_USERNAME": USER,
    "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": PASSWORD,
}
PATH = "/api/jobs/webhook"


def notification(job_id: object, run_id: object, **run: object) -> dict[str, Any]:
    """The payload. Source: Databricks documentation, "Add notifications on a job"."""
    return {
        "event_type": "jobs.on_success",
        "workspace_id": "123",
        "run": {"run_id": run_id, **run},
        "job": {"job_id": job_id, "name": "nightly"},
    }


def notify(app: Flask, body: Any, **options: Any) -> TestResponse:
    options.setdefault("auth", (USER, PASSWORD))
    return app.test_client().post(PATH, json=body, **options)
