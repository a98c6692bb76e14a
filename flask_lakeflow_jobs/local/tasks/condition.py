"""``condition_task``: an if/else between tasks."""

from __future__ import annotations

import operator
from collections.abc import Callable

from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.tasks.work import CannotRun, Decision, Scene

_OF_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
}
_OF_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}


def plan(spec: Settings, scene: Scene) -> Decision:
    """Compare as the API describes it: (in)equality of the texts, order of the numbers."""
    body = spec["condition_task"]
    left, right = str(body.get("left", "")), str(body.get("right", ""))
    name = body.get("op")
    if name in _OF_TEXTS:
        return Decision("true" if _OF_TEXTS[name](left, right) else "false")
    if name not in _OF_NUMBERS:
        known = ", ".join((*_OF_TEXTS, *_OF_NUMBERS))
        raise CannotRun(f"The condition has the unknown operator {name!r}. It is one of {known}.")
    try:
        return Decision("true" if _OF_NUMBERS[name](float(left), float(right)) else "false")
    except ValueError:
        raise CannotRun(
            f"The condition compares {left!r} with {right!r} by {name}, which takes numbers."
        ) from None
