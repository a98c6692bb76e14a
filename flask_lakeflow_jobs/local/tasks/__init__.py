"""How each kind of task is run: one module a kind, turning settings into work for the engine."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.work import CannotRun, Scene, Work
from ..model import Settings, kind_of
from . import condition, for_each, notebook, python, run_job, sql, wheel

_PLANNERS: dict[str, Callable[[Settings, Scene], Work]] = {
    "condition_task": condition.plan,
    "for_each_task": for_each.plan,
    "notebook_task": notebook.plan,
    "python_wheel_task": wheel.plan,
    "run_job_task": run_job.plan,
    "spark_python_task": python.plan,
    "sql_task": sql.plan,
}


def plan_work(spec: Settings, scene: Scene) -> Work:
    """What is to be done for a task.

    :param spec: the task's settings, references resolved.
    :raises CannotRun: it cannot be done here; the message says why.
    """
    kind = kind_of(spec)
    planner = _PLANNERS.get(kind)
    if planner is None:
        raise CannotRun(
            f"The local workspace cannot run a {kind}. Run it on Databricks, or play it here by a "
            "script (the job's tag 'local_script')."
        )
    return planner(spec, scene)
