"""HTMX follows a run: its stream tells when to load the HTML of the new state."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from flask_lakeflow_jobs import authorize, current_jobs

blueprint = Blueprint("live", __name__, url_prefix="/live")


@blueprint.post("/runs")
def start() -> str:
    user = authorize("run", "etl")
    params = {"startDate": request.form["startDate"]}
    run = current_jobs["etl"].run_now(params, requested_by=user)
    return render_template("live_run.html", run_id=run.run_id)


@blueprint.get("/runs/<int:run_id>/state")
def state(run_id: int) -> str:
    authorize("view", "etl")
    return render_template("live_state.html", status=current_jobs["etl"].status(run_id))
