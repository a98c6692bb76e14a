"""``sql_task``: a file of SQL statements, run by DuckDB."""

from __future__ import annotations

import importlib.util

from ..engine.templating import as_text
from ..engine.work import CannotRun, ProcessWork, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the statements of the file in the workspace's one database.

    Named parameters are the task's, over them the job's, over them run-now's ``sql_params``.
    """
    body = spec["sql_task"]
    file = body.get("file")
    if not isinstance(file, dict) or not isinstance(file.get("path"), str):
        raise CannotRun(
            "The local workspace runs SQL files only: it has no saved queries, dashboards or "
            "alerts. "
            "Use 'file' with a 'path' in the sql_task."
        )
    if importlib.util.find_spec("duckdb") is None:
        raise CannotRun("A sql_task needs DuckDB here. Install flask-lakeflow-jobs[sql].")
    path = context.file(file, "path")
    parameters = {
        **(body.get("parameters") or {}),
        **context.job_parameters,
        **context.overriding.get("sql_params", {}),
    }
    return ProcessWork.of(
        "sql",
        spec,
        context,
        path.parent,
        path=str(path),
        parameters={key: as_text(value) for key, value in parameters.items()},
    )
