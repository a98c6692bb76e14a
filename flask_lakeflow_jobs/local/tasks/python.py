"""``spark_python_task``: a Python file with arguments."""

from __future__ import annotations

from ..engine.work import ProcessWork, Scene
from ..model import Settings


def plan(spec: Settings, scene: Scene) -> ProcessWork:
    """Run the file in its own folder; run-now's ``python_params`` replace the task's parameters."""
    body = spec["spark_python_task"]
    path = scene.file(body, "python_file")
    parameters = scene.overriding.get("python_params", body.get("parameters") or [])
    return ProcessWork.of(
        "script",
        spec,
        scene,
        path.parent,
        path=str(path),
        parameters=[str(each) for each in parameters],
    )
