"""Simulated jobs: durations and results instead of code, for the tests of an application.

A job is simulated if it has the tag ``local_simulation``, whose value is JSON::

    {"seconds": 2, "result": "FAILED", "error": "ValueError: no rows",
     "tasks": {"load": {"seconds": [1, 3], "result": ["FAILED", "SUCCESS"]}}}

The fields at the top apply to every task, those under ``tasks`` to one task key. ``seconds`` is a
number, or two between which each attempt draws evenly. ``result`` is one of SUCCESS, FAILED,
TIMEDOUT and CANCELED, or a list of them by attempt; its last item applies to all further
attempts. ``output`` is the exit value of a notebook or the logs of any other task, ``error`` the
error of a failed task, ``values`` the task values that it sets.
"""

from __future__ import annotations

import json
from typing import Any

from . import states
from .model import Settings

SIMULATION_TAG = "local_simulation"
SIMULATED_RESULTS = {
    "SUCCESS": states.SUCCESS,
    "FAILED": states.FAILED,
    "TIMEDOUT": states.TIMED_OUT,
    "CANCELED": states.CANCELED,
}

_FIELDS = {"seconds", "result", "output", "error", "values"}
_MAX_SECONDS = 10**9


class SimulationError(ValueError):
    """An invalid simulation."""


def read_simulation(settings: Settings) -> dict[str, Any] | None:
    """Read the simulation of a job, or ``None`` if the job is not simulated.

    :raises SimulationError: the tag holds an invalid simulation.
    """
    text = (settings.get("tags") or {}).get(SIMULATION_TAG)
    if text is None:
        return None
    try:
        simulation = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise SimulationError(f"The tag {SIMULATION_TAG!r} is not valid JSON.") from None
    if not isinstance(simulation, dict) or not isinstance(simulation.get("tasks", {}), dict):
        raise SimulationError(
            f"The tag {SIMULATION_TAG!r} must hold a JSON object, and so must its 'tasks'."
        )
    of_all_tasks = {key: value for key, value in simulation.items() if key != "tasks"}
    for fields in (of_all_tasks, *simulation.get("tasks", {}).values()):
        _validate(fields)
    return simulation


def _validate(fields: Any) -> None:
    if not isinstance(fields, dict) or not fields.keys() <= _FIELDS:
        raise SimulationError(
            f"The fields of the tag {SIMULATION_TAG!r} are {', '.join(sorted(_FIELDS))}, "
            f"not {fields!r}."
        )
    seconds = fields.get("seconds", 0)
    bounds = seconds if isinstance(seconds, list) and len(seconds) == 2 else [seconds]
    if not all(isinstance(each, (int, float)) and 0 <= each < _MAX_SECONDS for each in bounds):
        raise SimulationError(
            f"The seconds of the tag {SIMULATION_TAG!r} must be a number or two, not {seconds!r}."
        )
    for name in fields.keys() & {"output", "error"}:
        if not isinstance(fields[name], (str, int, float)):
            raise SimulationError(
                f"The {name} of the tag {SIMULATION_TAG!r} must be text, not {fields[name]!r}."
            )
    if not isinstance(fields.get("values", {}), dict):
        raise SimulationError(
            f"The values of the tag {SIMULATION_TAG!r} must be an object, not {fields['values']!r}."
        )
    results = fields.get("result", "SUCCESS")
    for result in results if isinstance(results, list) and results else [results]:
        if not isinstance(result, str) or result not in SIMULATED_RESULTS:
            raise SimulationError(
                f"The result of the tag {SIMULATION_TAG!r} must be one of "
                f"{', '.join(SIMULATED_RESULTS)}, not {result!r}."
            )
