"""Errors of the user's code: last line, trace and advice."""

from __future__ import annotations

import json
import sys

import pytest

from flask_lakeflow_jobs.local.task_process.failure import describe_error
from flask_lakeflow_jobs.local.task_process.not_served import raise_not_served
from tests.local.conftest import Serve
from tests.local.support import notebook_task
from tests.local.task_process.support import notebook_client, output_of


def test_describe_error_prints_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no rows")
    except ValueError as error:
        described = describe_error(error)
    assert described["error"] == "ValueError: no rows"
    assert capsys.readouterr().err == described["error_trace"]


@pytest.mark.parametrize(
    ("outer", "is_explicit", "has_advice"),
    [
        (RuntimeError("no load"), True, True),
        (SystemExit(1), False, True),
        (RuntimeError("no load"), False, False),  # it may be about something else
    ],
)
def test_advice_is_about_the_cause_of_an_error(
    outer: BaseException, is_explicit: bool, has_advice: bool
) -> None:
    inner = FileNotFoundError(2, "No such file", "/Volumes/a/b/c/day.csv")
    try:
        raise outer
    except BaseException as raised:
        raised.__cause__, raised.__context__ = inner if is_explicit else None, inner
        error = describe_error(raised)["error"]
    assert error.startswith("There is no /Volumes/a/b/c/day.csv. Pass it as a") == has_advice
    assert error.endswith(str(type(outer).__name__) + f": {outer}")


def test_error_of_the_workspace_gives_its_own_advice() -> None:
    inner = FileNotFoundError(2, "No such file", "/Volumes/a/b/c/day.csv")
    try:
        raise_not_served("x")
    except AttributeError as error:
        error.__cause__ = inner
        described = describe_error(error)["error"]
    assert described.startswith("AttributeError: dbutils.x does not exist")


@pytest.mark.parametrize("outer", [RuntimeError("no load"), SystemExit(1)])
def test_error_of_the_workspace_comes_before_those_raised_from_it(outer: BaseException) -> None:
    try:
        try:
            raise_not_served("x")
        except AttributeError as inner:
            raise outer from inner
    except BaseException as raised:
        error = describe_error(raised)["error"]
    assert error.startswith("AttributeError: dbutils.x does not exist")
    assert error.endswith(f"{type(outer).__name__}: {outer}")


def test_error_that_the_task_exits_after_comes_first() -> None:
    try:
        try:
            raise ValueError("no rows")
        except ValueError:
            sys.exit(2)
    except SystemExit as raised:
        error = describe_error(raised)["error"]
    assert error == "ValueError: no rows SystemExit: 2"


class ErrorGroup(Exception):
    """One as Python has them from 3.11."""

    exceptions = (ValueError("no rows"), KeyError("x"))


class PythonException(Exception):
    """An error of pyspark about code that Spark calls, with its trace in the text."""


def test_trace_has_the_lines_of_the_file_and_no_own_frames(serve: Serve) -> None:
    text = "x = 1\n# COMMAND ----------\n\ndef f():\n    return 1 / 0\n# COMMAND ----------\nf()\n"
    client = notebook_client(serve, text)
    output = output_of(client)
    assert output.error == "ZeroDivisionError: division by zero"
    assert output.error_trace is not None
    assert 'notebook.py", line 8, in <module>\n    f()' in output.error_trace
    assert 'notebook.py", line 6, in f\n    return 1 / 0' in output.error_trace
    assert "task_process" not in output.error_trace


def test_trace_of_ipynb_names_cells_and_their_lines(serve: Serve) -> None:
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "code", "source": ["def f():\n", "    return 1 / 0\n"]},
        {"cell_type": "code", "source": "%pip install nothing\n\nf()"},
    ]
    job = {"tasks": [notebook_task("main", "notebook.ipynb")]}
    client = serve({"etl": job}, {"notebook.ipynb": json.dumps({"cells": cells}, indent=1)})
    trace = output_of(client).error_trace or ""
    assert 'notebook.ipynb, cell 3", line 3, in <module>\n    f()' in trace
    assert 'notebook.ipynb, cell 2", line 2, in f\n    return 1 / 0' in trace


def test_syntax_error_in_ipynb_names_the_cell(serve: Serve) -> None:
    cells = [{"cell_type": "code", "source": "x = 1\ndef f(:"}]
    job = {"tasks": [notebook_task("main", "notebook.ipynb")]}
    output = output_of(serve({"etl": job}, {"notebook.ipynb": json.dumps({"cells": cells})}))
    assert 'notebook.ipynb, cell 1", line 2\n    def f(:' in (output.error_trace or "")


def test_error_of_a_missing_module_begins_with_advice(serve: Serve) -> None:
    output = output_of(notebook_client(serve, "import nothing"))
    advice = "The task needs the module nothing, which "
    assert (output.error or "").startswith(advice)
    assert (output.error or "").endswith("ModuleNotFoundError: No module named 'nothing'")
    assert advice in (output.error_trace or "").splitlines()[-1]


def test_trace_has_the_cause(serve: Serve) -> None:
    text = """
try:
    {}["key"]
except KeyError as error:
    raise RuntimeError("outer") from error
"""
    client = notebook_client(serve, text)
    output = output_of(client)
    assert output.error == "RuntimeError: outer"
    assert output.error_trace is not None
    assert "KeyError: 'key'" in output.error_trace
    assert "direct cause" in output.error_trace
