"""Notebooks: cells, magics, widgets, exit."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task, state_fields, task_results

HEADER = "# Databricks notebook source\n"


def notebook_client(serve: Serve, text: str, **files: str) -> Client:
    named = {f"{name}.py": HEADER + content for name, content in files.items()}
    return serve(
        {"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": HEADER + text, **named}
    )


def result_of(client: Client, **fields: Any) -> str | None:
    run = client.run("etl", **fields)
    output = client.outputs(run)["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    assert output.logs is None
    return output.notebook_output.result


def test_exit_value(serve: Serve) -> None:
    text = """
try:
    dbutils.notebook.exit("done")
except Exception:
    raise RuntimeError("an exit is no failure")
# COMMAND ----------
raise RuntimeError("never reached")
"""
    assert result_of(notebook_client(serve, text)) == "done"


def test_no_exit_value(serve: Serve) -> None:
    assert result_of(notebook_client(serve, "x = 1")) is None


def test_exit_value_keeps_the_first_five_megabytes(serve: Serve) -> None:
    client = notebook_client(serve, "dbutils.notebook.exit('a' + 5 * 1024 * 1024 * 'b')")
    output = client.outputs(client.run("etl"))["main"].notebook_output
    assert output is not None
    assert output.truncated is True
    assert output.result is not None
    assert len(output.result) == 5 * 1024 * 1024
    assert output.result.startswith("ab")


@pytest.mark.parametrize(
    ("fields", "widgets"),
    [
        ({}, "{'day': 'from task', 'place': 'from job', 'hour': 'from notebook'}"),
        (
            {"job_parameters": {"day": "from run", "hour": "5"}},
            "{'day': 'from run', 'place': 'from job', 'hour': '5'}",
        ),
        (
            {"notebook_params": {"day": "from run", "extra": "1"}},
            "{'day': 'from run', 'place': 'from job', 'extra': '1', 'hour': 'from notebook'}",
        ),
    ],
)
def test_widgets(serve: Serve, fields: dict[str, Any], widgets: str) -> None:
    task = notebook_task("main")
    task["notebook_task"]["base_parameters"] = {"day": "from task", "place": "from task"}
    job = {"parameters": [{"name": "place", "default": "from job"}], "tasks": [task]}
    text = """
dbutils.widgets.text("day", "from notebook", "Day")
dbutils.widgets.dropdown("hour", "from notebook", ["1", "2"])
dbutils.notebook.exit(str(dbutils.widgets.getAll()))
"""
    client = serve({"etl": job}, {"notebook.py": HEADER + text})
    assert result_of(client, **fields) == widgets


def test_unknown_widget(serve: Serve) -> None:
    client = notebook_client(serve, "dbutils.widgets.get('nothing')")
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is not None
    assert output.error.startswith(
        "ValueError: InputWidgetNotDefined: No input widget named nothing is defined."
    )


def test_magics(serve: Serve) -> None:
    text = """
# MAGIC %md
# MAGIC # Not Python at all: 1 +
# COMMAND ----------
# MAGIC %run ./helpers
# COMMAND ----------
# MAGIC %pip install nothing
# COMMAND ----------
# MAGIC %sh test -e notebook.py
# COMMAND ----------
# MAGIC %python
# MAGIC total = helper(1)
# COMMAND ----------
dbutils.notebook.exit(f"{total} {__name__}")
"""
    assert result_of(notebook_client(serve, text, helpers="def helper(x): return x + 1")) == (
        "2 __main__"
    )


def test_magics_among_python(serve: Serve) -> None:
    """As in a notebook that was exported, where one cell may hold several."""
    text = """
# DBTITLE 1,Packages
# MAGIC %pip install nothing
total = 1
# COMMAND ----------
# MAGIC %load_ext autoreload
# MAGIC %autoreload 2
total += 1
# COMMAND ----------
# MAGIC !test -e notebook.py
# COMMAND ----------
# MAGIC %restart_python
# MAGIC %env KIND=local one
# MAGIC %time total += 1
import os
assert os.environ["KIND"] == "local one"
# COMMAND ----------
# MAGIC %%time
# MAGIC total += 1
# COMMAND ----------
# MAGIC %%bash
# MAGIC test -e notebook.py
# COMMAND ----------
assert '''
%pip and !this stay as they are
'''.strip().startswith("%pip and !this")
# COMMAND ----------
# MAGIC %fs mkdirs /Volumes/main/default/files
# COMMAND ----------
dbutils.notebook.exit(total)
"""
    assert result_of(notebook_client(serve, text)) == "4"


def test_folder_is_changed_for_the_cells_that_follow(serve: Serve) -> None:
    text = """
import os
context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()
deep = "/Workspace/" + os.path.dirname(context.notebookPath().get()) + "/inner"
# COMMAND ----------
# MAGIC %cd $deep
# COMMAND ----------
# MAGIC %cd ..
# MAGIC seen = [os.path.exists("notebook.py")]
# COMMAND ----------
# MAGIC %cd "inner"
# MAGIC %reload_ext autoreload
seen.append(os.listdir())
dbutils.notebook.exit(str(seen))
"""
    files = {"notebook.py": HEADER + text, "inner/day.txt": ""}
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, files)
    assert result_of(client) == "[True, ['day.txt']]"


def test_a_magic_may_go_on_over_several_lines(serve: Serve) -> None:
    text = """
# MAGIC %pip install \\
# MAGIC   nothing \\
# MAGIC   -q
# COMMAND ----------
# MAGIC !test -e notebook.py && \\
# MAGIC   test -e notebook.py
# MAGIC %time total = 1 + \\
# MAGIC   1
assert total == 2
1 / 0
"""
    client = notebook_client(serve, text)
    run = client.run("etl")
    output = client.outputs(run)["main"]
    assert 'notebook.py", line 12, in <module>\n    1 / 0' in (output.error_trace or "")
    (main,) = run.tasks or []
    assert main.run_id is not None
    (view,) = client.jobs.export_run(main.run_id).views or []
    assert "Skipped &#x27;%pip install nothing -q&#x27;:" in (view.content or "")


def test_cells_may_await(serve: Serve) -> None:
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


def test_features_of_the_future_hold_for_the_cells_that_follow(serve: Serve) -> None:
    text = """
from __future__ import annotations
# COMMAND ----------
def f(day: no_such_name): pass
dbutils.notebook.exit(f.__annotations__["day"])
"""
    assert result_of(notebook_client(serve, text)) == "no_such_name"


def test_only_ends_of_lines_part_lines(serve: Serve) -> None:
    text = "text = 'a\u2028b'\n\f\n# COMMAND ----------\ndbutils.notebook.exit(len(text))\n"
    assert result_of(notebook_client(serve, text)) == "3"


def test_shell_that_fails(serve: Serve) -> None:
    client = notebook_client(serve, "# MAGIC %sh\n# MAGIC exit 3")
    assert "exit status 3" in (client.outputs(client.run("etl"))["main"].error or "")


def test_other_notebook_with_arguments_and_by_its_path(serve: Serve) -> None:
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


SQL_NOTEBOOK = """
    -- Databricks notebook source
    -- MAGIC %md
    -- MAGIC # A title; no SQL
    -- COMMAND ----------
    CREATE OR REPLACE TABLE days AS SELECT :day AS day;
    -- COMMAND ----------
    -- MAGIC %python
    -- MAGIC total = 2 + 3
    -- COMMAND ----------
    SELECT day, 'a;b' AS text FROM days
    -- COMMAND ----------
    -- MAGIC %python
    -- MAGIC dbutils.notebook.exit(total)
"""


def test_sql_notebook(serve: Serve) -> None:
    pytest.importorskip("duckdb")
    task = notebook_task("main", "query.sql")
    task["notebook_task"]["base_parameters"] = {"day": "monday"}
    client = serve({"etl": {"tasks": [task]}}, {"query.sql": SQL_NOTEBOOK})
    run = client.run("etl")
    (main,) = run.tasks or []
    output = client.outputs(run)["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    assert output.notebook_output.result == "5"
    assert main.run_id is not None
    (view,) = client.jobs.export_run(main.run_id).views or []
    assert "day\ttext\nmonday\ta;b\n" in (view.content or "")


def test_sql_cell_beside_python(serve: Serve) -> None:
    pytest.importorskip("duckdb")
    text = "dbutils.widgets.text('n', '3')\n# COMMAND ----------\n# MAGIC %sql\n# MAGIC select :n"
    client = notebook_client(serve, text)
    assert task_results(client.run("etl")) == {"main": "SUCCESS"}


def test_an_answer_of_sql_is_no_data_frame_without_spark(serve: Serve) -> None:
    pytest.importorskip("duckdb")
    text = "# MAGIC %sql\n# MAGIC select 1\n# COMMAND ----------\n_sqldf.collect()"
    output = (client := notebook_client(serve, text)).outputs(client.run("etl"))["main"]
    assert (output.error or "").startswith("RuntimeError: There is no Spark in this environment.")


def test_ipynb_in_sql(serve: Serve) -> None:
    pytest.importorskip("duckdb")
    content = {
        "metadata": {"application/vnd.databricks.v1+notebook": {"language": "sql"}},
        "cells": [
            {"cell_type": "code", "source": ["SELECT 1"]},
            {"cell_type": "code", "source": "%python\ndbutils.notebook.exit('both')"},
        ],
    }
    client = serve(
        {"etl": {"tasks": [notebook_task("main", "query.ipynb")]}},
        {"query.ipynb": json.dumps(content)},
    )
    assert result_of(client) == "both"


@pytest.mark.parametrize(
    ("name", "header", "error"),
    [
        ("a.r", "# Databricks notebook source\nx <- 1", "A %r cell cannot run"),
        ("a.scala", "// Databricks notebook source\nval x = 1", "A %scala cell cannot run"),
        ("a.sql", "SELECT 1", "its first line has to be '-- Databricks notebook source'"),
    ],
)
def test_notebook_in_another_language(serve: Serve, name: str, header: str, error: str) -> None:
    client = serve({"etl": {"tasks": [notebook_task("main", name)]}}, {name: header})
    assert error in (client.outputs(client.run("etl"))["main"].error or "")


def test_magic_that_cannot_run(serve: Serve) -> None:
    client = notebook_client(serve, "# MAGIC %scala\n# MAGIC val x = 1")
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == ("NotImplementedError: A %scala cell cannot run in the local workspace.")


def test_trace_names_the_lines_of_the_file(serve: Serve) -> None:
    text = "x = 1\n# COMMAND ----------\n\ndef f():\n    return 1 / 0\n# COMMAND ----------\nf()\n"
    client = notebook_client(serve, text)
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == "ZeroDivisionError: division by zero"
    assert output.error_trace is not None
    assert 'notebook.py", line 8, in <module>\n    f()' in output.error_trace
    assert 'notebook.py", line 6, in f\n    return 1 / 0' in output.error_trace
    assert "lakeflow_child" not in output.error_trace


def test_cause_and_context_stand_in_the_trace(serve: Serve) -> None:
    text = """
try:
    {}["key"]
except KeyError as error:
    raise RuntimeError("outer") from error
"""
    client = notebook_client(serve, text)
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == "RuntimeError: outer"
    assert output.error_trace is not None
    assert "KeyError: 'key'" in output.error_trace
    assert "direct cause" in output.error_trace


def test_names_that_a_notebook_finds_defined(serve: Serve) -> None:
    text = """
dbutils.widgets.text("day", "monday")
display("shown", 5)
displayHTML("<b>é</b>")
try:
    dbutils.data.summarize(1)
except AttributeError as error:
    dbutils.notebook.exit(f"{getArgument('day')}: {error}")
"""
    client = notebook_client(serve, text)
    run = client.run("etl")
    (task,) = run.tasks or []
    output = client.outputs(run)["main"].notebook_output
    assert output is not None
    assert output.result == "monday: dbutils.data is not served by the local workspace."
    assert task.run_id is not None
    (view,) = client.jobs.export_run(task.run_id).views or []
    assert "shown\n5\n&lt;b&gt;é&lt;/b&gt;" in (view.content or "")


def test_notebook_runs_notebook(serve: Serve) -> None:
    text = "dbutils.notebook.exit(dbutils.notebook.run('inner', 60, {'n': 2}) + '!')"
    inner = "dbutils.notebook.exit('inner ' + dbutils.widgets.get('n'))"
    assert result_of(notebook_client(serve, text, inner=inner)) == "inner 2!"


CONTEXT = """
import json
context = dbutils.notebook.entry_point.getDbutils().notebook().getContext()
tags = json.loads(context.toJson())["tags"]
flat = json.loads(context.safeToJson())["attributes"]
assert context.extraContext().apply("notebook_path") == context.notebookPath().get()
assert context.userName().get() == context.tags().apply("user") == flat["user"]
assert context.apiUrl().get() == "http://" + context.browserHostName().get()
assert context.currentRunId().isDefined() and context.clusterId().isEmpty()
assert context.clusterId().getOrElse("none") == "none"
"""


def test_context_of_a_notebook(serve: Serve) -> None:
    text = (
        CONTEXT
        + """
assert dbutils.entry_point.getDbutils().notebook().getContext().apiToken().isDefined()
path = dbutils.notebook.run("deep/inner")
dbutils.notebook.exit(f"{path} {tags['jobId']} {tags['multitaskParentRunId']} {tags['runId']}")
"""
    )
    inner = HEADER + CONTEXT + "dbutils.notebook.exit(context.notebookPath().get())"
    files = {"notebook.py": HEADER + text, "deep/inner.py": inner}
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, files)
    run = client.run("etl")
    (task,) = run.tasks or []
    output = client.outputs(run)["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    path, *ids = (output.notebook_output.result or "").split()
    assert path.startswith("/Users/")
    assert path.endswith("/files/deep/inner")
    assert ids == [str(run.job_id), str(run.run_id), str(task.run_id)]


def test_what_the_context_has_not_got_says_so(serve: Serve) -> None:
    text = CONTEXT + "context.clusterId().get()"
    client = notebook_client(serve, text)
    assert client.outputs(client.run("etl"))["main"].error == (
        "LookupError: The context has no clusterId in the local workspace."
    )


def test_a_notebook_that_another_runs_has_only_its_time(serve: Serve) -> None:
    text = """
said = []
for name, limit in ("endless", 0.05), ("patient", 0), ("patient", 0.05), ("patient", 60):
    try:
        said.append(dbutils.notebook.run(name, limit))
    except TimeoutError as error:
        said.append(str(error))
dbutils.notebook.exit(said)
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
    said = result_of(notebook_client(serve, text, patient=patient, endless=endless))
    assert said == str(
        [
            "The notebook 'endless' did not end within 0.05 seconds.",
            "The notebook 'endless' did not end within 0.1 seconds.",
            "The notebook 'patient' did not end within 0.05 seconds.",
            "The notebook 'endless' did not end within 0.1 seconds.",
        ]
    )


def test_spark_without_pyspark(serve: Serve) -> None:
    client = notebook_client(serve, "import sys\nsys.modules['pyspark'] = None\nspark.range(1)")
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is not None
    assert output.error.startswith("RuntimeError: There is no Spark in this environment.")


def test_missing_package_tells_where_it_has_to_be(serve: Serve) -> None:
    client = notebook_client(serve, "# MAGIC %pip install nothing\nimport nothing")
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == "ModuleNotFoundError: No module named 'nothing'"
    assert (output.error_trace or "").endswith(
        "ModuleNotFoundError: No module named 'nothing'\nThe local workspace installs no packages: "
        f"tasks use those of {sys.prefix}. Install missing ones there.\n"
    )


@pytest.mark.parametrize("path", ["/Volumes/none/x/y/a.csv", "/Workspace/none/a", "/dbfs/none/a"])
def test_path_of_the_workspace_that_leads_nowhere_tells_what_would(serve: Serve, path: str) -> None:
    client = notebook_client(serve, f"open({path!r})")
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == f"FileNotFoundError: [Errno 2] No such file or directory: {path!r}"
    assert "translates paths of the workspace in task parameters and in dbutils.fs." in (
        output.error_trace or ""
    )


def test_plain_file_is_no_notebook(serve: Serve) -> None:
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": "print(1)"})
    run = client.run("etl")
    assert task_results(run) == {"main": "FAILED"}
    assert "is no notebook" in (client.outputs(run)["main"].error or "")


def test_missing_at_run_time(serve: Serve) -> None:
    client = notebook_client(serve, "")
    settings = client.jobs.get(client.job_ids["etl"]).settings
    assert settings is not None
    (task,) = settings.tasks or []
    assert task.notebook_task is not None
    assert task.notebook_task.notebook_path.endswith("/files/notebook")
    run = client.run("etl")
    assert state_fields(run)[1] == "SUCCESS"
