"""The work of a simulated task: time passes and a result comes, but no code runs."""

from __future__ import annotations

import random
from typing import Any

from ..engine.work import SimulatedWork
from ..model import TaskRun
from ..simulation import SIMULATED_RESULTS


def simulate(simulation: dict[str, Any], task: TaskRun) -> SimulatedWork:
    """Build the work of one attempt."""
    fields = {**simulation, **simulation.get("tasks", {}).get(task.key, {})}
    seconds = fields.get("seconds", 0)
    if isinstance(seconds, list):
        seconds = random.uniform(*seconds)  # noqa: S311 (no secret)
    results = fields.get("result", "SUCCESS")
    if isinstance(results, list):
        results = results[min(task.attempt, len(results) - 1)]
    ending = SIMULATED_RESULTS[results]
    output: dict[str, Any] = {}
    if "output" in fields:
        output = {"result": str(fields["output"]), "logs": str(fields["output"])}
    if ending.result == "FAILED":
        output["error"] = output["error_trace"] = fields.get("error", ending.message)
    return SimulatedWork(seconds, ending, output, fields.get("values", {}))
