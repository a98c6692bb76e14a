"""How each kind of task is run: one module a kind, each turning settings into work for the
engine.
"""

from __future__ import annotations

from collections.abc import Callable

from flask_lakeflow_jobs.local.jobcheck import kind_of
from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.tasks import notebook, python
from flask_lakeflow_jobs.local.tasks.work import CannotRun, Scene, Work

_PLANNERS: dict[str, Callable[[Settings, Scene], Work]] = {
    "notebook_task": notebook.plan,
    "spark_python_task": python.plan,
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
            "script."
        )
    return planner(spec, scene)
