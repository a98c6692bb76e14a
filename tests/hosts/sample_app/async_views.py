"""Coroutines that start and follow a run without a thread that waits."""

from __future__ import annotations

import asyncio
from typing import Any

from flask import Blueprint

from flask_lakeflow_jobs import Outcome, authorize, current_jobs

blueprint = Blueprint("async_views", __name__, url_prefix="/async")


@blueprint.post("/<start_date>")
async def start(start_date: str) -> dict[str, str]:
    user = await asyncio.to_thread(authorize, "run", "etl")
    etl, params = current_jobs["etl"], {"startDate": start_date}
    run = await asyncio.to_thread(etl.run_now, params, requested_by=user)
    return {"runId": str(run.run_id)}


@blueprint.get("/etl")
async def show() -> dict[str, Any]:
    await asyncio.to_thread(authorize, "view", "etl")
    etl = current_jobs["etl"]  # the two calls take as long as one
    job, runs = await asyncio.gather(
        asyncio.to_thread(etl.get_job), asyncio.to_thread(etl.list_runs, 5)
    )
    name = job.settings.name if job.settings else None
    return {"name": name, "runs": [str(run.run_id) for run in runs]}


async def follow(run_id: int) -> list[Outcome]:
    """Return the outcomes that a run has until its end."""
    return [status.outcome async for status in current_jobs["etl"].watch(run_id)]
