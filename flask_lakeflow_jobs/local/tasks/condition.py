"""``condition_task``: an if/else between tasks."""

from __future__ import annotations

from ..engine.work import CannotRun, ConditionResult, TaskContext
from ..model import OF_NUMBERS, OF_TEXTS, Settings


def build_work(spec: Settings, context: TaskContext) -> ConditionResult:
    """Compare as the API describes it: (in)equality of the texts, order of the numbers."""
    body = spec["condition_task"]
    left, right, name = str(body["left"]), str(body["right"]), body["op"]
    if name in OF_TEXTS:
        return ConditionResult("true" if OF_TEXTS[name](left, right) else "false")
    try:
        return ConditionResult("true" if OF_NUMBERS[name](float(left), float(right)) else "false")
    except ValueError:
        raise CannotRun(
            f"The condition compares {left!r} with {right!r} by {name}, which takes numbers."
        ) from None
