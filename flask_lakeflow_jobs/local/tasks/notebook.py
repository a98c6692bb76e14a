"""``notebook_task``: a Databricks source notebook in Python or SQL, or an ``.ipynb``."""

from __future__ import annotations

from ..engine.templating import as_text
from ..engine.work import ProcessWork, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the notebook in its own folder.

    Its widgets get the task's ``base_parameters``, over them the job's parameters, over them
    run-now's
    ``notebook_params``.
    """
    body = spec["notebook_task"]
    path = context.file(body, "notebook_path", is_notebook=True)
    widgets = {
        **(body.get("base_parameters") or {}),
        **context.job_parameters,
        **context.overriding.get("notebook_params", {}),
    }
    return ProcessWork.of(
        "notebook",
        spec,
        context,
        path.parent,
        path=str(path),
        parameters={key: as_text(value) for key, value in widgets.items()},
    )
