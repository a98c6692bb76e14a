"""Notebooks: cells and other notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.notebook import load_cells
from tests.local.conftest import Serve
from tests.local.support import notebook_task, state_fields, task_results
from tests.local.task_process.support import HEADER, notebook_client, output_of, result_of


def cells(tmp_path: Path, name: str, text: str) -> list[tuple[str, str, int]]:
    file = tmp_path / name
    file.write_text(text)
    return [(cell.language, cell.text, cell.line) for cell in load_cells(str(file))]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", HEADER + "a\n# COMMAND ----------\nb", [("python", "a", 1), ("python", "b", 3)]),
        (
            "a.py",
            HEADER + "if a:\n    # COMMAND ----------\n    b\n# COMMAND ----------  \nc",
            [("python", "if a:\n    # COMMAND ----------\n    b", 1), ("python", "c", 5)],
        ),
        ("a.py", HEADER + "# MAGIC %sql\n# MAGIC select 1", [("sql", "\nselect 1", 1)]),
        ("a.py", HEADER + "# MAGIC %run ./other $a=1", [("run", "./other $a=1", 1)]),
        ("a.py", HEADER + "# DBTITLE 1,Title\n# MAGIC %md x", [("md", "\nx", 1)]),
        ("a.py", HEADER + "# MAGIC %pip install x", [("python", "%pip install x", 1)]),
        ("a.sql", "-- Databricks notebook source\nselect 1", [("sql", "select 1", 1)]),
        (
            "a.sql",
            "-- Databricks notebook source\n-- MAGIC %python\n-- MAGIC x = 1",
            [("python", "\nx = 1", 1)],
        ),
        (
            "a.ipynb",
            json.dumps(
                {
                    "cells": [
                        {"cell_type": "code", "source": ["%sql\n", "select 1"]},
                        {"cell_type": "markdown", "source": "x"},
                        {"cell_type": "code", "source": "x"},
                    ]
                }
            ),
            [("sql", "\nselect 1", 0), ("md", "\nx", 0), ("python", "x", 0)],
        ),
    ],
)
def test_read_cells(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, str, int]]
) -> None:
    assert cells(tmp_path, name, text) == expected


def test_await_in_cells(serve: Serve) -> None:
    text = """
import asyncio
later = asyncio.create_task(asyncio.sleep(0, "second"))
first = await asyncio.sleep(0, "first")
# COMMAND ----------
assert asyncio.run(asyncio.sleep(0, "apart")) == "apart"
# COMMAND ----------
dbutils.notebook.exit(first + " " + await later)
"""
    assert result_of(notebook_client(serve, text)) == "first second"


def test_line_separators_in_text_do_not_end_lines(serve: Serve) -> None:
    text = "text = 'a\u2028b'\n\f\n# COMMAND ----------\ndbutils.notebook.exit(len(text))\n"
    assert result_of(notebook_client(serve, text)) == "3"


def test_run_magic_and_run_by_path(serve: Serve) -> None:
    text = """
# MAGIC %run ./helpers $day="two words"
# COMMAND ----------
import json
files = dbutils.widgets.get("files")
first = dbutils.notebook.run(files + "/inner", 0, {})
second = dbutils.notebook.run(files.removeprefix("/Workspace") + "/inner")
dbutils.notebook.exit(f"{day} {getArgument('none', 'else')} {first} {second}")
"""
    helpers = "dbutils.widgets.text('day', 'other')\nday = dbutils.widgets.get('day')"
    files = {"helpers.py": HEADER + helpers, "inner.py": HEADER + "dbutils.notebook.exit('in')"}
    task = notebook_task("main")
    task["notebook_task"]["base_parameters"] = {"files": "${workspace.file_path}"}
    client = serve({"etl": {"tasks": [task]}}, {"notebook.py": HEADER + text, **files})
    assert result_of(client) == "two words else in in"


@pytest.mark.parametrize(
    ("name", "header", "error"),
    [
        ("a.r", "# Databricks notebook source\nx <- 1", "cannot run a %r cell"),
        ("a.scala", "// Databricks notebook source\nval x = 1", "cannot run a %scala cell"),
        ("a.sql", "SELECT 1", "Write '-- Databricks notebook source' as the first line of "),
    ],
)
def test_other_language_or_header_is_an_error(
    serve: Serve, name: str, header: str, error: str
) -> None:
    client = serve({"etl": {"tasks": [notebook_task("main", name)]}}, {name: header})
    assert error in (output_of(client).error or "")


def test_run_returns_the_exit_value_of_a_notebook_beside_its_modules(serve: Serve) -> None:
    text = """
first = dbutils.notebook.run('tools/inner', 60, {'n': 2})
dbutils.notebook.exit(__builtins__.str(first) + '!')  # str may be a name of the notebook
"""
    inner = (
        "import unit\ndbutils.notebook.exit(__builtins__.str(unit.x) + dbutils.widgets.get('n'))"
    )
    files = {"tools/inner": inner, "tools/unit": "x = 'inner '"}
    assert result_of(notebook_client(serve, text, **files)) == "inner 2!"


def test_exit_of_python_ends_only_the_notebook_that_calls_it(serve: Serve) -> None:
    text = """
results = []
for name in "done", "bad":
    try:
        results.append(dbutils.notebook.run(name, 60))
    except Exception as error:
        results.append(str(error))
dbutils.notebook.exit(results)
"""
    inner = {"done": "import sys\nsys.exit()", "bad": "import sys\nsys.exit('no rows')"}
    assert result_of(notebook_client(serve, text, **inner)) == str(
        ["", "The notebook 'bad' called sys.exit('no rows')."]
    )


def test_run_raises_when_its_time_is_up(serve: Serve) -> None:
    text = """
results = []
for name, limit in ("endless", 0.05), ("patient", 0), ("patient", 0.05), ("patient", 60):
    try:
        results.append(dbutils.notebook.run(name, limit))
    except TimeoutError as error:
        results.append(str(error))
dbutils.notebook.exit(results)
"""
    patient = """
try:
    dbutils.notebook.run('endless', 0.1)
except TimeoutError as error:
    if "endless" not in str(error):
        raise
    dbutils.notebook.exit(error)
"""
    endless = "import threading\nthreading.Event().wait(20)"
    results = result_of(notebook_client(serve, text, patient=patient, endless=endless))
    assert results == str(
        [
            "The notebook 'endless' did not end within 0.05 seconds.",
            "The notebook 'endless' did not end within 0.1 seconds.",
            "The notebook 'patient' did not end within 0.05 seconds.",
            "The notebook 'endless' did not end within 0.1 seconds.",
        ]
    )


def test_file_without_header_is_refused(serve: Serve) -> None:
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": "print(1)"})
    run = client.run("etl")
    assert task_results(run) == {"main": "FAILED"}
    message = "ValueError: Write '# Databricks notebook source' as the first line of "
    assert str(client.outputs(run)["main"].error).startswith(message)


def test_notebook_is_deployed_without_extension(serve: Serve) -> None:
    client = notebook_client(serve, "")
    settings = client.jobs.get(client.job_ids["etl"]).settings
    assert settings is not None
    (task,) = settings.tasks or []
    assert task.notebook_task is not None
    assert task.notebook_task.notebook_path.endswith("/files/notebook")
    run = client.run("etl")
    assert state_fields(run)[1] == "SUCCESS"
