"""What is shown of runs as JSON: as the Jobs API spells it, without secrets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .masking import masked
from .outcome import life_cycle_of, outcome_of

if TYPE_CHECKING:
    from .masking import Said


def newest_run(runs: Sequence[dict[str, Any]], secrets: Said) -> dict[str, Any]:
    """The newest run of a job, and how it is doing; of a job without runs, all is ``None``.

    :param runs: newest first.
    :param secrets: what the job's schema says of its parameters.
    """
    if not runs:
        return {"status": None, "outcome": None, "run": None}
    return {
        "status": life_cycle_of(runs[0]),
        "outcome": outcome_of(runs[0]).value,
        "run": masked(runs[0], secrets),
    }


def task_outputs(outputs: Mapping[str, dict[str, Any]], secrets: Said) -> dict[str, Any]:
    """What the tasks of a run left.

    :param outputs: by task key.
    :param secrets: what the job's schema says of its parameters.
    """
    return {task: masked(without_headers(output), secrets) for task, output in outputs.items()}


def without_headers(output: dict[str, Any]) -> dict[str, Any]:
    """An output without the headers of a dbt task, which carry credentials.

    :param output: of one task.
    """
    if "dbt_output" not in output:
        return output
    dbt = {
        name: value for name, value in output["dbt_output"].items() if name != "artifacts_headers"
    }
    return {**output, "dbt_output": dbt}
