"""The app that real servers serve in these tests; all its settings come from the environment."""

from __future__ import annotations

import os

from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs


def create_app() -> Flask:
    app = Flask("site", instance_path=os.environ["SITE_INSTANCE"])
    LakeflowJobs(
        app,
        jobs={
            key: {"task_type": "job"} for key in ("gated", "never")
        },  # their ids stand in the environment
    )

    @app.get("/ping")
    def ping() -> str:
        return f"{os.getpid()}"

    return app
