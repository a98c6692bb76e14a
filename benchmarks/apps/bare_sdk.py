"""An app as it is written without the extension: the SDK in plain views."""

from __future__ import annotations

import os
from typing import Any

from databricks.sdk import WorkspaceClient
from flask import Flask, request

JOB = int(os.environ["DATABRICKS_JOB_ID"])


def create_app() -> Flask:
    """Create the app."""
    app = Flask(__name__)
    workspace = WorkspaceClient()

    @app.get("/ping")
    def ping() -> str:
        return "pong"

    @app.post("/run")
    def run() -> dict[str, Any]:
        params = request.get_json()["params"]
        return {"runId": workspace.jobs.run_now(JOB, notebook_params=params).run_id}

    @app.get("/status")
    def status() -> dict[str, Any]:
        run = next(iter(workspace.jobs.list_runs(job_id=JOB, limit=1)))
        return {"run": run.as_dict()}

    @app.get("/runs/<int:run_id>")
    def show(run_id: int) -> dict[str, Any]:
        return workspace.jobs.get_run(run_id).as_dict()

    return app
