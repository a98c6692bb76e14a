"""Scripted jobs: durations and outcomes instead of code, for tests of what an application does with
them.

A job is scripted by its tag ``local_script``, whose value is JSON::

    {"seconds": 2, "result": "FAILED", "error": "ValueError: no rows",
     "tasks": {"load": {"seconds": [1, 3], "result": ["FAILED", "SUCCESS"]}}}

What stands at the top holds for each task, what stands under its key for one. ``seconds`` is a
number, or
two between which each attempt draws evenly. ``result`` is one of SUCCESS, FAILED, TIMEDOUT,
CANCELED, or
a list of them by attempt, of which the last goes on. ``output`` is what a notebook exits with or
what
anything else logs, ``error`` what a failure says, ``values`` the task values that are set.
"""

from __future__ import annotations

import json
from typing import Any

from . import states
from .model import Settings

TAG = "local_script"
ENDINGS = {
    "SUCCESS": states.SUCCESS,
    "FAILED": states.FAILED,
    "TIMEDOUT": states.TIMED_OUT,
    "CANCELED": states.CANCELED,
}

_FIELDS = {"seconds", "result", "output", "error", "values"}


class ScriptError(ValueError):
    """A script that nobody can play. The message says what is wrong with it."""


def read_script(settings: Settings) -> dict[str, Any] | None:
    """The script in a job's tags, if there is one.

    :raises ScriptError: it makes no sense.
    """
    text = (settings.get("tags") or {}).get(TAG)
    if text is None:
        return None
    try:
        script = json.loads(text)
    except (TypeError, ValueError):
        raise ScriptError(f"The tag {TAG!r} is no JSON.") from None
    if not isinstance(script, dict) or not isinstance(script.get("tasks", {}), dict):
        raise ScriptError(f"The tag {TAG!r} has to hold a JSON object, as has its 'tasks'.")
    parts = {key: value for key, value in script.items() if key != "tasks"}
    for part in (parts, *script.get("tasks", {}).values()):
        _check(part)
    return script


def _check(part: Any) -> None:
    if not isinstance(part, dict) or not part.keys() <= _FIELDS:
        raise ScriptError(
            f"A part of the tag {TAG!r} may have {', '.join(sorted(_FIELDS))}, but is {part!r}."
        )
    seconds = part.get("seconds", 0)
    bounds = seconds if isinstance(seconds, list) and len(seconds) == 2 else [seconds]
    if not all(isinstance(each, (int, float)) and 0 <= each < 10**9 for each in bounds):
        raise ScriptError(f"The seconds of the tag {TAG!r} are a number or two, not {seconds!r}.")
    results = part.get("result", "SUCCESS")
    for result in results if isinstance(results, list) and results else [results]:
        if result not in ENDINGS:
            raise ScriptError(
                f"The result of the tag {TAG!r} is one of {', '.join(ENDINGS)}, not {result!r}."
            )
