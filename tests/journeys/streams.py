"""Runs and events of a journey through streams."""

from __future__ import annotations

from typing import Any

from flask_lakeflow_jobs import current_jobs
from tests.sse_client import Event


def start_run(key: str, params: Any = None) -> int:
    return current_jobs[key].run_now(params).run_id


def finish_run(key: str, params: Any = None) -> int:
    run_id = start_run(key, params)
    current_jobs[key].wait(run_id)
    return run_id


def states_in(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name == "message"]
