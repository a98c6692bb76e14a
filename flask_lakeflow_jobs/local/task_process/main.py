"""Runs one task: reads its payload, runs the user's code and writes the outcome."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from .dbutils import DBUtils, NotebookExit
from .json_files import write_json
from .runtime_modules import RuntimeModules
from .spark.session import TaskSpark
from .supervisor import supervise
from .volume_paths import serve_volume_paths

# Imports delay the start of every task, that of typing by 3 ms. So modules that only some tasks
# need are imported in functions.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The functions that run tasks, by their kinds. Each gets the payload and ``dbutils``.
_KINDS = {
    "dbt": ("dbt_commands", "run_dbt"),
    "notebook": ("notebook", "run_notebook"),
    "script": ("script", "run_script"),
    "sql": ("sql", "run_sql_task"),
    "wheel": ("wheel", "run_wheel"),
}


def main(payload_file: str, lifeline: int) -> None:
    """Run a task; exit with 0 if it succeeded, else with 1.

    :param payload_file: JSON, see ``ProcessWork`` and ``TaskProcess`` of the engine.
    :param lifeline: see :func:`.supervise`.
    """
    with open(payload_file, encoding="utf-8") as file:
        payload: dict[str, Any] = json.load(file)
    supervise(lifeline)
    # The log of a running task contains everything that it has printed so far.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
    serve_volume_paths(payload["mounts"])
    spark = TaskSpark(payload)
    spark.install()
    dbutils = DBUtils(payload, _run_other_notebook, spark)
    RuntimeModules(dbutils).install()
    outcome = {
        key: _escape_surrogates(value) if isinstance(value, str) else value
        for key, value in _run(payload, dbutils).items()
    }
    outcome["values"] = dbutils.jobs.taskValues.collected
    try:
        write_json(payload["result_file"], outcome)
    except OSError:  # a full disk, which may have the log too: at an exit, Python would write to it
        os._exit(os.EX_IOERR)
    sys.exit(1 if "error" in outcome else 0)


def _run(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    try:
        _set_environment(payload["environment"], dbutils)
        try:
            return _run_kind(payload, dbutils)
        finally:
            dbutils.task_spark.save()
    except NotebookExit as exit_call:
        return {"result": exit_call.value}
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return {}
        from .failure import describe_error

        return describe_error(
            error,
            payload["requirements"],
            payload["missing_libraries"],
            installs=payload["installs_packages"],
            mounts=payload["mounts"],
        )


def _escape_surrogates(text: str) -> str:
    """Make a text valid UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _set_environment(variables: dict[str, str], dbutils: DBUtils) -> None:
    if variables:
        insert = dbutils.secrets.insert
        os.environ.update({name: insert(value) for name, value in variables.items()})


def _run_kind(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    """Run the code of a task; return the part of the outcome that it determines."""
    module, function = _KINDS[payload["kind"]]
    run = getattr(import_module(f".{module}", __package__), function)
    return run(payload, dbutils) or {}


def _run_other_notebook(
    dbutils: DBUtils, path: str, timeout_seconds: float, arguments: dict[str, str]
) -> str:
    from .notebook import run_other_notebook

    return run_other_notebook(dbutils, path, timeout_seconds, arguments)
