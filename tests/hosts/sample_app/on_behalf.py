"""A job that runs with the token of the user, so that the workspace checks their permissions."""

from __future__ import annotations

from flask import Blueprint, request

from flask_lakeflow_jobs import authorize, current_jobs

blueprint = Blueprint("on_behalf", __name__, url_prefix="/reports")


@blueprint.post("/")
def start() -> dict[str, str]:
    user = authorize("run", "report")
    with current_jobs["report"].as_user(request) as report:  # 401 without a token
        return {"runId": str(report.run_now(requested_by=user).run_id)}
