"""What can be told about a run from what the workspace says of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sdk_types import Run

#: The parameters that a run was started with and that a repair has to be given again.
#: Source: the Jobs API forgets them (apache/airflow issue 64828).
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
    """What the SDK's ``repair_run`` needs to run tasks again as they ran before.

    :param run: with its repair history.
    :param rerun_tasks: the task keys; ``None``: all that failed.
    :param rerun_dependent_tasks: and what depends on them.
    """
    repairs = [item.id for item in run.repair_history or [] if item.id]
    arguments: dict[str, Any] = {
        "latest_repair_id": repairs[-1] if repairs else None,
        "rerun_dependent_tasks": rerun_dependent_tasks,
        "rerun_tasks": list(rerun_tasks) if rerun_tasks else None,
        "rerun_all_failed_tasks": None if rerun_tasks else True,
    }
    given = run.overriding_parameters
    for name in RUN_PARAMETERS:
        value = getattr(given, name, None) if given else None
        if value:
            arguments[name] = value
    if run.job_parameters:
        arguments["job_parameters"] = {
            parameter.name: parameter.value
            for parameter in run.job_parameters
            if parameter.name and parameter.value is not None
        }
    return arguments
