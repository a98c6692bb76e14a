"""The app of the documentation's examples and commands. A page may replace it."""

from __future__ import annotations

import os

from flask import Flask

from flask_lakeflow_jobs import JobConfig, LakeflowJobs


def create_app() -> Flask:
    """Create an app with the jobs of the documentation."""
    app = Flask("docs", instance_path=os.path.abspath("instance"))
    LakeflowJobs(app, jobs={"etl": JobConfig(task_type="job"), "report": JobConfig()})
    return app
