"""A thread waits for the end of a run, without a request that stays open."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from flask_lakeflow_jobs import JobHandle, authorize, current_jobs

blueprint = Blueprint("background", __name__, url_prefix="/loads")

executor = ThreadPoolExecutor(4)
loads: dict[int, Future[dict[str, Any]]] = {}


def summarize_run(etl: JobHandle, run_id: int) -> dict[str, Any]:
    """Wait for the end of a run. A handle needs no app context."""
    status = etl.wait(run_id, timeout=3600)
    if status.failed:
        return {"outcome": status.outcome, "causes": etl.explain(run_id).to_dict()["tasks"]}
    outputs = etl.get_outputs(run_id)
    return {"outcome": status.outcome, "outputs": {key: out.logs for key, out in outputs.items()}}


@blueprint.post("/")
def start() -> ResponseReturnValue:
    user, etl = authorize("run", "etl"), current_jobs["etl"]
    params = {"startDate": request.form["startDate"]}
    run_id = etl.run_now(params, requested_by=user).run_id
    loads[run_id] = executor.submit(summarize_run, etl, run_id)
    return {"runId": str(run_id)}, 202


@blueprint.get("/<int:run_id>")
def show(run_id: int) -> ResponseReturnValue:
    authorize("view", "etl")
    load = loads.get(run_id)
    if load is None:
        return {"error": "This process did not start such a load."}, 404
    return load.result() if load.done() else ({"outcome": "running"}, 202)
