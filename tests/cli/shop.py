"""The app whose command line is tried; the environment says which workspace it uses."""

from __future__ import annotations

import os

from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import JobConfig, LakeflowJobs


class EtlParams(Schema):
    """Parameters of several kinds, which the command line gives as text."""

    day = fields.Date(required=True)
    rows = fields.Integer(load_default=3)
    dry = fields.Boolean(load_default=False)


def create_app() -> Flask:
    """An app with several jobs."""
    app = _bare_app()
    LakeflowJobs(
        app,
        jobs={
            "etl": JobConfig(task_type="job", params=EtlParams, description="Flights\nby day"),
            "held": JobConfig(task_type="job"),
            "words": JobConfig(task_type="python_script"),
        },
    )
    return app


def create_app_of_one_job() -> Flask:
    """An app with nothing but the job of its ``DATABRICKS_JOB_ID``."""
    app = _bare_app()
    LakeflowJobs(app)
    return app


def _bare_app() -> Flask:
    return Flask("shop", instance_path=os.environ.get("SHOP_INSTANCE"))
