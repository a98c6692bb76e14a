"""A task of a scripted job: no code runs, but time passes and an end comes."""

from __future__ import annotations

import random
from typing import Any

from ..engine.work import ScriptedWork
from ..model import TaskRun
from ..simulation import ENDINGS


def part_of(script: dict[str, Any], task: TaskRun) -> ScriptedWork:
    """What a script has an attempt do."""
    part = {**script, **script.get("tasks", {}).get(task.key, {})}
    seconds = part.get("seconds", 0)
    if isinstance(seconds, list):
        seconds = random.uniform(*seconds)  # noqa: S311 (no secret)
    results = part.get("result", "SUCCESS")
    if isinstance(results, list):
        results = results[min(task.attempt, len(results) - 1)]
    ending = ENDINGS[results]
    output: dict[str, Any] = {}
    if "output" in part:
        output = {"result": str(part["output"]), "logs": str(part["output"])}
    if ending.result == "FAILED":
        output["error"] = output["error_trace"] = part.get("error", ending.message)
    return ScriptedWork(seconds, ending, output, part.get("values", {}))
