"""The app that the console is tried with."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import JobConfig, LakeflowJobs, current_jobs
from flask_lakeflow_jobs.local import load_bundle
from flask_lakeflow_jobs.testing.fault_proxy import HasAddress

BUNDLE = Path(__file__).parent / "bundle" / "databricks.yml"

JOB_IDS = {key: job.job_id for key, job in load_bundle(BUNDLE).jobs.items()}

#: What a browser says of a request that one of the app's own pages makes.
OWN = {"Origin": "http://localhost"}


class Nightly(Schema):
    """The parameters in the form of ``nightly``."""

    day = fields.Date(
        required=True, metadata={"title": "Day", "description": "The day whose orders are loaded."}
    )
    region = fields.String(load_default="emea", validate=validate.OneOf(["emea", "amer", "apac"]))
    sample = fields.Integer(
        validate=validate.Range(1, 100), metadata={"description": "Per cent of the rows."}
    )
    full = fields.Boolean(load_default=False, metadata={"title": "Full refresh"})
    dry = fields.Boolean(metadata={"title": "Dry run"})
    tags = fields.Dict(metadata={"title": "Tags"})
    apiToken = fields.String(metadata={"title": "API token"})  # noqa: N815


def shop_app(
    workspace: HasAddress,
    instance: Path,
    *,
    jobs: Mapping[str, Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
    **given: Any,
) -> Flask:
    """An app with the jobs of the bundle and the console.

    :param workspace: where the jobs are.
    :param instance: the app's folder.
    :param jobs: settings of jobs, over those that they have.
    :param config: settings of the app, over those that it has.
    :param given: to the extension.
    """
    settings: dict[str, dict[str, Any]] = {
        "nightly": {
            "params": Nightly,
            "task_type": "job",
            "description": "Loads orders, joins them and refreshes the shop's figures.",
        },
        "flaky": {"description": "Fails now and then."},
        "hourly": {"description": "Fetches new orders."},
        "gated": {"task_type": "job"},
        "broken": {},
        "parent": {"description": "Starts other jobs."},
        "listed": {"task_type": "python_script", "description": "Says what it is told."},
    }
    for key, more in (jobs or {}).items():
        settings[key] = {**settings.get(key, {}), **more}
    app = Flask("shop", instance_path=str(instance))
    app.config.from_mapping(
        {
            "DATABRICKS_HOST": workspace.host,
            "DATABRICKS_TOKEN": workspace.token,
            "LAKEFLOW_JOBS_POLL_INTERVAL": 0.1,
            "LAKEFLOW_JOBS_CONSOLE": True,
            **(config or {}),
        }
    )
    LakeflowJobs(
        app,
        jobs={
            key: JobConfig(**{"job_id": JOB_IDS.get(key), **each}) for key, each in settings.items()
        },
        **given,
    )
    return app


def start(app: Flask, key: str, params: Any = None) -> int:
    """The id of a run that was started."""
    with app.app_context():
        return current_jobs[key].run_now(params).run_id


def run(app: Flask, key: str, params: Any = None) -> int:
    """The id of a run that was started and has ended."""
    run_id = start(app, key, params)
    with app.app_context():
        current_jobs[key].wait(run_id)
    return run_id


def text_of(page: str) -> str:
    """Return the text that a reader sees of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
