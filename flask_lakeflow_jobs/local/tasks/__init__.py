"""How each kind of task is run: one module a kind, turning settings into work for the engine."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.work import CannotRun, TaskContext, Work
from ..model import Settings, kind_of
from . import condition, for_each, notebook, python, run_job, sql, wheel

_BUILDERS: dict[str, Callable[[Settings, TaskContext], Work]] = {
    "condition_task": condition.build_work,
    "for_each_task": for_each.build_work,
    "notebook_task": notebook.build_work,
    "python_wheel_task": wheel.build_work,
    "run_job_task": run_job.build_work,
    "spark_python_task": python.build_work,
    "sql_task": sql.build_work,
}


def build_work(spec: Settings, context: TaskContext) -> Work:
    """What is to be done for a task.

    :param spec: the task's settings, references resolved.
    :raises CannotRun: it cannot be done here; the message says why.
    """
    kind = kind_of(spec)
    build = _BUILDERS.get(kind)
    if build is None:
        raise CannotRun(
            f"The local workspace cannot run a {kind}. Run it on Databricks, or simulate the job "
            "here (its tag 'local_simulation')."
        )
    return build(spec, context)
