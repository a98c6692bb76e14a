"""The app that the book's examples and commands run in; each page may replace it."""

from __future__ import annotations

import os

from flask import Flask

from flask_lakeflow_jobs import JobConfig, LakeflowJobs


def create_app() -> Flask:
    """An app with the jobs that the book speaks of."""
    app = Flask("docs", instance_path=os.path.abspath("instance"))
    LakeflowJobs(app, jobs={"etl": JobConfig(task_type="job"), "report": JobConfig()})
    return app
