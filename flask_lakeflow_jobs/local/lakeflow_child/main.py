"""Carry out one task: run the code that a payload describes and write down its outcome."""

from __future__ import annotations

import json
import os
import signal
import sys
from _thread import start_new_thread

from .dbutils import DBUtils, NotebookExit

TYPE_CHECKING = False  # every import here delays every task, that of typing by 3 ms
if TYPE_CHECKING:
    from typing import Any


def main(payload_file: str) -> None:
    """Run the payload and exit with 0 if it succeeded, else with 1."""
    with open(payload_file, encoding="utf-8") as file:
        payload: dict[str, Any] = json.load(file)
    _die_with_the_workspace(payload["lifeline"])
    # A log that is read while the task runs should hold what has been printed so far.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
    dbutils = DBUtils(payload)
    outcome = {
        key: _printable(each) if isinstance(each, str) else each
        for key, each in _carry_out(payload, dbutils).items()
    }
    outcome["values"] = dbutils.jobs.taskValues.collected
    _write(payload["result_file"], outcome)
    sys.exit(1 if "error" in outcome else 0)


def _carry_out(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    try:
        _set_environment(payload["environment"])
        rows = _run(payload, dbutils)
    except NotebookExit as exit_call:
        return {"result": exit_call.value}
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return {}
        from .failure import describe

        return describe(error)
    return {"rows": rows} if rows else {}


def _printable(text: str) -> str:
    """A text that any client can read: half a character, which UTF-8 has not, is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _set_environment(variables: dict[str, str]) -> None:
    if variables:
        from .vault import filled_in

        os.environ.update({name: filled_in(value) for name, value in variables.items()})


def _run(payload: dict[str, Any], dbutils: DBUtils) -> list[dict[str, Any]] | None:
    """Run the task; return the rows of a SQL task."""
    kind = payload["kind"]
    if kind == "notebook":
        from .notebook import run_notebook

        run_notebook(payload, dbutils)
    elif kind == "script":
        from .script import run_script

        run_script(payload, dbutils)
    elif kind == "wheel":
        from .script import run_wheel

        run_wheel(payload, dbutils)
    else:
        from .statements import run_sql

        return run_sql(payload, dbutils)
    return None


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

    start_new_thread(watch, ())
