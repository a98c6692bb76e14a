"""Arguments of a repair. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Conflict
from .outcome import Outcome, has_ended, outcome_of

if TYPE_CHECKING:
    from ..sdk_types import Run

#: The parameters of a run that a repair must repeat, because the Jobs API does not keep them.
#: Source: apache/airflow issue 64828.
RUN_PARAMETERS = (
    "dbt_commands",
    "jar_params",
    "notebook_params",
    "pipeline_params",
    "python_named_params",
    "python_params",
    "spark_submit_params",
    "sql_params",
)


def build_repair_arguments(
    run: Run, *, rerun_tasks: Sequence[str] | None, rerun_dependent_tasks: bool | None
) -> dict[str, Any]:
    """Return the arguments of the SDK's ``repair_run`` that rerun tasks with the same parameters.

    :param run: the run with its repair history.
    :param rerun_tasks: the task keys; ``None``: all failed tasks.
    :param rerun_dependent_tasks: also rerun the tasks that depend on them.
    :raises Conflict: the run has not ended, or it succeeded and no tasks were named.
    """
    if not has_ended(run):
        raise Conflict(f"Run {run.run_id} has not ended. Wait for its end or cancel it first.")
    if not rerun_tasks and outcome_of(run) is Outcome.SUCCEEDED:
        raise Conflict(f"Run {run.run_id} succeeded. Name the tasks to rerun.")
    repairs = [item.id for item in run.repair_history or [] if item.id]
    arguments: dict[str, Any] = {
        "latest_repair_id": repairs[-1] if repairs else None,
        "rerun_dependent_tasks": rerun_dependent_tasks,
        "rerun_tasks": list(rerun_tasks) if rerun_tasks else None,
        "rerun_all_failed_tasks": None if rerun_tasks else True,
    }
    parameters = run.overriding_parameters
    for name in RUN_PARAMETERS:
        value = getattr(parameters, name, None)
        if value:
            arguments[name] = value
    if run.job_parameters:
        arguments["job_parameters"] = {
            parameter.name: parameter.value
            for parameter in run.job_parameters
            if parameter.name and parameter.value is not None
        }
    return arguments
