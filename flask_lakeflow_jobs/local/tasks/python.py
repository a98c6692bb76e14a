"""``spark_python_task``: a Python file with arguments."""

from __future__ import annotations

from flask_lakeflow_jobs.local.files import FileMissing
from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.tasks.work import CannotRun, ProcessWork, Scene


def plan(spec: Settings, scene: Scene) -> ProcessWork:
    """Run the file in its own folder; run-now's ``python_params`` replace the task's parameters."""
    body = spec["spark_python_task"]
    try:
        path = scene.files.find(body["python_file"])
    except FileMissing as error:
        raise CannotRun(str(error)) from None
    parameters = scene.overriding.get("python_params", body.get("parameters") or [])
    return ProcessWork.of(
        "script",
        spec,
        scene,
        path.parent,
        path=str(path),
        parameters=[str(each) for each in parameters],
    )
