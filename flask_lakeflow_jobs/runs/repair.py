"""Repairs: the tasks that a repair reruns, and the arguments of its request. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import Conflict
from .outcome import Outcome, has_ended, outcome_of, select_last_attempts
from .run_now_fields import RUN_NOW_FIELDS
from .run_parameters import stated_fields

if TYPE_CHECKING:
    from ..sdk_types import Run

#: Outcomes of the tasks that a repair of all failed tasks reruns.
FAILED_OUTCOMES = frozenset(
    {
        Outcome.FAILED,
        Outcome.TIMED_OUT,
        Outcome.INTERNAL_ERROR,
        Outcome.CANCELED,
        Outcome.SKIPPED,
        Outcome.UPSTREAM_FAILED,
        Outcome.UPSTREAM_CANCELED,
    }
)


@dataclass(frozen=True)
class TaskToRepair:
    """A task of an ended run, in its last attempt.

    :param waits_for: the keys of the tasks that it depends on.
    :param reason: why a repair reruns it; empty if it does not.
    """

    key: str
    outcome: Outcome
    waits_for: Sequence[str]
    reason: str = ""


def plan_repair(
    run: Run, rerun_tasks: Sequence[str] | None = None, *, dependents: bool = False
) -> list[TaskToRepair]:
    """Return the tasks of a run, each with the reason why a repair reruns it.

    :param rerun_tasks: the task keys; ``None``: all failed tasks.
    :param dependents: also rerun the tasks that depend on them.
    """
    tasks = [
        TaskToRepair(
            task.task_key or "", outcome_of(task), [each.task_key for each in task.depends_on or []]
        )
        for task in select_last_attempts(run.tasks or [])
    ]
    if rerun_tasks is None:
        chosen = {task.key: task.outcome.label for task in tasks if task.outcome in FAILED_OUTCOMES}
    else:
        chosen = dict.fromkeys(rerun_tasks, "chosen")
    reasons = {**_depend_on(tasks, chosen), **chosen} if dependents else chosen
    return [replace(task, reason=reasons.get(task.key, "")) for task in tasks]


def _depend_on(tasks: Sequence[TaskToRepair], keys: Mapping[str, str]) -> dict[str, str]:
    """Return the tasks that depend on some tasks, directly or not, with the reasons."""
    found: dict[str, str] = {}
    count = -1
    while count < len(found):  # once more for each task that was found
        count = len(found)
        for task in tasks:
            causes = [key for key in task.waits_for if key in keys or key in found]
            if causes:
                found[task.key] = f"depends on {', '.join(causes)}"
    return found


def check_has_ended(run: Run) -> None:
    """Check that a run has ended: only then can it be repaired.

    :raises Conflict: it has not.
    """
    if not has_ended(run):
        raise Conflict(f"Run {run.run_id} has not ended. Wait for its end or cancel it first.")


def build_repair_arguments(
    run: Run,
    *,
    rerun_tasks: Sequence[str] | None,
    rerun_dependent_tasks: bool | None,
    fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the arguments of the SDK's ``repair_run``, which repeat the parameters of the run.

    :param run: the run with its repair history.
    :param rerun_tasks: the task keys; ``None``: all failed tasks.
    :param rerun_dependent_tasks: also rerun the tasks that depend on them.
    :param fields: the fields of run-now with other values of some parameters.
    :raises Conflict: the run has not ended, or it succeeded and no tasks were named.
    """
    check_has_ended(run)
    if not rerun_tasks and outcome_of(run) is Outcome.SUCCEEDED:
        raise Conflict(f"Run {run.run_id} succeeded. Name the tasks to rerun.")
    arguments: dict[str, Any] = {
        "latest_repair_id": run.repair_history[-1].id if run.repair_history else None,
        "rerun_dependent_tasks": rerun_dependent_tasks,
        "rerun_tasks": list(rerun_tasks) if rerun_tasks else None,
        "rerun_all_failed_tasks": None if rerun_tasks else True,
    }
    # The Jobs API does not keep them. Source: apache/airflow issue 64828.
    arguments |= {name: each for name, each in stated_fields(run).items() if name in RUN_NOW_FIELDS}
    for name, value in (fields or {}).items():
        is_map = isinstance(value, Mapping)
        arguments[name] = {**(arguments.get(name) or {}), **value} if is_map else value
    return arguments
