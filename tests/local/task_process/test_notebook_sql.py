"""Notebooks with SQL, on DuckDB."""

from __future__ import annotations

import json

import pytest

from tests.local.conftest import Serve
from tests.local.support import notebook_task, require_duckdb, task_results
from tests.local.task_process.support import notebook_client, output_of, result_of


@pytest.fixture(autouse=True)
def duckdb() -> None:
    require_duckdb()


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


def test_sql_cell_in_a_python_notebook(serve: Serve) -> None:
    text = "dbutils.widgets.text('n', '3')\n# COMMAND ----------\n# MAGIC %sql\n# MAGIC select :n"
    client = notebook_client(serve, text)
    assert task_results(client.run("etl")) == {"main": "SUCCESS"}


def test_cells_of_sql_share_a_temporary_view(serve: Serve) -> None:
    cells = (
        "CREATE TEMP VIEW v AS SELECT 3 AS n",
        "SELECT n FROM v",
    )
    text = "\n# COMMAND ----------\n".join(f"# MAGIC %sql\n# MAGIC {cell}" for cell in cells)
    assert output_of(notebook_client(serve, text)).error is None


def test_error_in_a_sql_cell_names_the_file_and_the_line(serve: Serve) -> None:
    client = notebook_client(
        serve, "1\n# COMMAND ----------\n# MAGIC %sql\n# MAGIC SELECT nosuch(1)"
    )
    run = client.run("etl")
    output = client.outputs(run)["main"]
    assert "DuckDbRefused: DuckDB refused this statement, as sqlg" in (output.error or "")
    (main,) = run.tasks or []
    (view,) = client.jobs.export_run(main.run_id or 0).views or []
    assert "notebook.py, line 5: this statement failed." in (view.content or "")


def test_sqldf_without_spark_is_an_error(serve: Serve) -> None:
    text = "# MAGIC %sql\n# MAGIC select 1\n# COMMAND ----------\n_sqldf.collect()"
    output = (client := notebook_client(serve, text)).outputs(client.run("etl"))["main"]
    assert (output.error or "").startswith("RuntimeError: There is no Spark in this environment.")


def test_ipynb_with_sql_and_python(serve: Serve) -> None:
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


def test_notebook_that_another_one_runs_has_the_same_tables(serve: Serve) -> None:
    text = """
# MAGIC %sql
# MAGIC CREATE TABLE days AS SELECT 7 AS n
# COMMAND ----------
dbutils.notebook.exit(dbutils.notebook.run("inner", 60))
"""
    inner = """
# MAGIC %sql
# MAGIC INSERT INTO days VALUES (1)
# COMMAND ----------
dbutils.notebook.exit("done")
"""
    assert result_of(notebook_client(serve, text, inner=inner)) == "done"
