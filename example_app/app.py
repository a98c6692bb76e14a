"""Flights: a small Flask app that starts a Lakeflow job, follows it live and draws its result.

On a laptop, the jobs of the bundle in this folder run on the local workspace, as processes. On
Databricks Apps, the same bundle has deployed them, and ``app.yaml`` sets their ids.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from flask import Flask, Response, has_request_context, render_template, request
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from flask_lakeflow_jobs import JobConfig, LakeflowJobs

FIRST, LAST = date(2013, 1, 1), date(2013, 12, 31)
BUNDLE = Path(__file__).with_name("databricks.yml")


def day_of_2013(name: str) -> fields.Date:
    """Return the field for one end of the range of days."""
    return fields.Date(
        required=True,
        data_key=name,
        validate=validate.Range(FIRST, LAST, error="The data has only the flights of 2013."),
    )


class EtlParams(Schema):
    """The parameters of ``etl``. They are validated before a run starts."""

    start = day_of_2013("startDate")
    end = day_of_2013("endDate")
    fail_once = fields.Boolean(
        load_default=False,
        data_key="failOnce",
        metadata={
            "title": "Let a task fail once",
            "description": "The task by_hour fails at its first attempt. Repair the run then.",
        },
    )

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """Reject a range whose last day is before the first."""
        if data["start"] > data["end"]:
            raise ValidationError("The last day is before the first.", "endDate")

    @post_load
    def add_app_url(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Tell the run where to report its progress. Callers cannot set this parameter."""
        return {**data, "appUrl": find_app_url()}


def find_app_url() -> str:
    """Return the address of this app; empty on the command line of a laptop."""
    url = request.url_root if has_request_context() else ""
    return os.environ.get("DATABRICKS_APP_URL", url).rstrip("/")


def keep_secret_key(folder: str) -> str:
    """Return the key that signs the tokens with which runs report their progress.

    All processes of the app need the same key, also after a restart. So the first one makes it, in
    the instance folder. In production, set ``SECRET_KEY`` in the environment.
    """
    path = Path(folder, "secret_key")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft, name = tempfile.mkstemp(dir=folder)  # only its owner may read it
    with os.fdopen(draft, "w") as file:
        file.write(secrets.token_hex())
    with suppress(FileExistsError):  # another process was faster
        os.link(name, path)
    os.unlink(name)
    return path.read_text()


def create_app(instance_path: str | None = None) -> Flask:
    """Create the app.

    :param instance_path: the folder for the local workspace's database and files; by default,
        Flask's instance folder.
    """
    app = Flask(__name__, instance_path=instance_path)
    app.config["LAKEFLOW_JOBS_BUNDLE"] = str(BUNDLE)
    app.config["LAKEFLOW_JOBS_CONSOLE"] = True
    app.config["LAKEFLOW_JOBS_RECORD_URL"] = True
    # Every process sees at once what another one starts, cancels or repairs.
    shared_cache = "flask_lakeflow_jobs.sql_cache.SqlCache"  # in the database of the record
    app.config["LAKEFLOW_JOBS_CACHE"] = {"CACHE_TYPE": shared_cache}
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or keep_secret_key(app.instance_path)
    app.config["LAKEFLOW_JOBS_PROGRESS_PARAMETER"] = "progressToken"
    app.config["LAKEFLOW_JOBS_FOLLOW"] = True
    LakeflowJobs(
        app,
        jobs={
            "etl": JobConfig(
                task_type="job",
                params=EtlParams,
                description="Delays of the flights out of New York on the chosen days",
            ),
            "report": JobConfig(task_type="job", description="The newest result as text"),
        },
    )

    @app.get("/")
    def index() -> str:
        """Show a form, the progress of the run and its result."""
        return render_template("index.html", first=FIRST, last=LAST)

    @app.after_request
    def lock_down(response: Response) -> Response:
        """Allow pages to load only this app's own files, and no inline scripts or styles."""
        response.headers.setdefault(
            "Content-Security-Policy",
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        )
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return app


app = create_app()
