"""Apps for the tests of the command line; the environment configures their workspace."""

from __future__ import annotations

import os

from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import JobConfig, LakeflowJobs


class EtlParams(Schema):
    """Parameters of several types, which the command line passes as text."""

    day = fields.Date(required=True)
    rows = fields.Integer(load_default=3)
    dry = fields.Boolean(load_default=False)


def create_app() -> Flask:
    """Create an app with several jobs."""
    app = _create_bare_app()
    LakeflowJobs(
        app,
        jobs={
            "etl": JobConfig(task_type="job", params=EtlParams, description="Flights\nby day"),
            "held": JobConfig(task_type="job"),
            "words": JobConfig(task_type="python_script"),
        },
    )
    return app


def create_app_without_jobs() -> Flask:
    """Create an app without jobs in code; the environment may define some."""
    app = _create_bare_app()
    LakeflowJobs(app)
    return app


def _create_bare_app() -> Flask:
    return Flask("cli-app", instance_path=os.environ.get("CLI_APP_INSTANCE"))
