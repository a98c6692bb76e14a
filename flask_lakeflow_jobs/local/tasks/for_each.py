"""``for_each_task``: the same task for each item of a list."""

from __future__ import annotations

import json

from ..engine.work import CannotRun, ForEach, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> ForEach:
    """Repeat the inner task for ``inputs``, a JSON array, ``concurrency`` at a time (default 1)."""
    body = spec["for_each_task"]
    try:
        inputs = json.loads(str(body["inputs"]))
    except ValueError:
        raise CannotRun(
            f"The inputs of the for_each_task are no JSON: {body['inputs']!r}."
        ) from None
    if not isinstance(inputs, list):
        raise CannotRun(f"The inputs of the for_each_task have to be a JSON array, not {inputs!r}.")
    return ForEach(body["task"], inputs, int(body.get("concurrency", 1)))
