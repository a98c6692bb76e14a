"""``spark_python_task``: a Python file with arguments."""

from __future__ import annotations

from ..engine.work import ProcessWork, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the file in its own folder; run-now's ``python_params`` replace the task's parameters."""
    body = spec["spark_python_task"]
    path = context.file(body, "python_file")
    parameters = context.overriding.get("python_params", body.get("parameters") or [])
    return ProcessWork.of(
        "script",
        spec,
        context,
        path.parent,
        path=str(path),
        parameters=[str(each) for each in parameters],
    )
