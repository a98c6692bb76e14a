"""``python_wheel_task``: the entry point of a package, installed or of the bundle."""

from __future__ import annotations

from ..engine.templating import as_text
from ..engine.work import ProcessWork, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> ProcessWork:
    """Call the entry point with the positional parameters, or with ``--name=value`` for named ones.

    Named ones are the task's, over them the job's, over them run-now's ``python_named_params``.
    """
    body = spec["python_wheel_task"]
    positional = context.overriding.get("python_params", body.get("parameters"))
    if positional:
        parameters = [str(each) for each in positional]
    else:
        named = {
            **(body.get("named_parameters") or {}),
            **context.job_parameters,
            **context.overriding.get("python_named_params", {}),
        }
        parameters = [f"--{name}={as_text(value)}" for name, value in named.items()]
    return ProcessWork.of(
        "wheel",
        spec,
        context,
        context.files.root,
        package_name=body["package_name"],
        entry_point=body["entry_point"],
        parameters=parameters,
    )
