"""``for_each_task``: the same task for each item of a list."""

from __future__ import annotations

import json

from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.tasks.work import CannotRun, Repetition, Scene

_LARGEST_CONCURRENCY = 100


def plan(spec: Settings, scene: Scene) -> Repetition:
    """Repeat the inner task for ``inputs``, a JSON array, ``concurrency`` at a time (default 1)."""
    body = spec["for_each_task"]
    inputs = body["inputs"]
    if isinstance(inputs, str):
        try:
            inputs = json.loads(inputs)
        except ValueError:
            raise CannotRun(f"The inputs of the for_each_task are no JSON: {inputs!r}.") from None
    if not isinstance(inputs, list):
        raise CannotRun(f"The inputs of the for_each_task have to be a JSON array, not {inputs!r}.")
    concurrency = int(body.get("concurrency") or 1)
    return Repetition(body["task"], inputs, max(1, min(concurrency, _LARGEST_CONCURRENCY)))
