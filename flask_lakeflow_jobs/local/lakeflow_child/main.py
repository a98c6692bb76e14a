"""Carries out one order: runs the user's code and writes down what came of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from .dbutils import DBUtils, NotebookExit
from .failure import describe
from .notebook import run_notebook
from .script import run_script, run_wheel
from .statements import run_sql

_RUNNERS: dict[str, Callable[[dict[str, Any], DBUtils], str | None]] = {
    "notebook": run_notebook,
    "script": run_script,
    "sql": run_sql,
    "wheel": run_wheel,
}


def main(order_file: str) -> None:
    """Run what the order says; the process ends with 0 if that succeeded, else with 1."""
    with open(order_file, encoding="utf-8") as file:
        order: dict[str, Any] = json.load(file)
    _die_with_the_workspace(order["lifeline"])
    # A log that is read while the task runs should hold what has been printed so far.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    dbutils = DBUtils(order)
    outcome = _carry_out(order, dbutils)
    outcome["values"] = dbutils.jobs.taskValues.collected
    _write(order["result_file"], outcome)
    sys.exit(1 if "error" in outcome else 0)


def _carry_out(order: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    runner = _RUNNERS[order["kind"]]
    try:
        result = runner(order, dbutils)
    except NotebookExit as exit_call:
        return {"result": exit_call.value}
    except SystemExit as exit_call:
        if exit_call.code in (None, 0):
            return {"result": None}
        return describe(exit_call)
    except BaseException as error:
        return describe(error)
    return {"result": result}


def _write(path: str, outcome: dict[str, Any]) -> None:
    unfinished = path + ".part"
    with open(unfinished, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(outcome, file)
    os.replace(unfinished, path)


def _die_with_the_workspace(lifeline: int) -> None:
    """End this process and all it has started when the workspace's end of the pipe closes."""
    os.set_inheritable(lifeline, False)

    def watch() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
