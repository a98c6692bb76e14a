"""HTMX follows a run: its stream tells when to load the HTML of the new state."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from flask_lakeflow_jobs import current_jobs

from .jobs import user_email

blueprint = Blueprint("live", __name__, url_prefix="/live")


@blueprint.post("/runs")
def start() -> str:
    run = current_jobs["etl"].run_now(
        {"startDate": request.form["startDate"]}, requested_by=user_email()
    )
    return render_template("live_run.html", run_id=run.run_id)


@blueprint.get("/runs/<int:run_id>/state")
def state(run_id: int) -> str:
    return render_template("live_state.html", status=current_jobs["etl"].status(run_id))
