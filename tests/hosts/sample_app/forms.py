"""A form that starts a run and redirects to its page."""

from __future__ import annotations

from uuid import uuid4

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from flask_lakeflow_jobs import InvalidParameters, authorize, current_jobs

blueprint = Blueprint("forms", __name__)


@blueprint.get("/")
def show() -> str:
    return render_template("form.html", key=uuid4(), errors={})


@blueprint.post("/")
def start() -> ResponseReturnValue:
    user = authorize("run", "etl")  # also refuses forms of other sites
    try:
        run = current_jobs["etl"].run_now(
            {"startDate": request.form["startDate"]},
            idempotency_key=request.form["key"],  # a double click starts one run
            requested_by=user,
        )
    except InvalidParameters as error:
        return render_template("form.html", key=uuid4(), errors=error.messages), 400
    return redirect(url_for("lakeflow_console.show_run", key="etl", run_id=run.run_id), 303)
