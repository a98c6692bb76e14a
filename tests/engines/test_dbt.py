"""dbt tasks run dbt with the profile of the project."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.conftest import Create
from tests.local.support import depends_on, notebook_task, task_results

PROFILES = """
    shop:
      target: dev
      outputs:
        dev: {type: databricks, host: nowhere, schema: main}
        local: {type: duckdb, path: "{{ env_var('LAKEFLOW_LOCAL_DUCKDB') }}", schema: main}
    """
FILES = {
    "dbt/dbt_project.yml": "name: shop\nversion: 1.0.0\nprofile: shop\n",
    "dbt/seeds/prices.csv": "item,price\ntea,2\ncake,3\n",
    "dbt/models/total.sql": """
        {{ config(materialized='table') }}
        select sum(price) as total from {{ ref('prices') }}
        """,
    "dbt/models/schema.yml": """
        version: 2
        models: [{name: total, columns: [{name: total, data_tests: [not_null]}]}]
        """,
}


def dbt_task(key: str, *commands: str) -> dict[str, Any]:
    return {"task_key": key, "dbt_task": {"project_directory": "dbt", "commands": [*commands]}}


@pytest.mark.parametrize("profiles", [None, PROFILES], ids=["no profile", "profile"])
def test_project_runs_and_notebooks_read_its_tables(create: Create, profiles: str | None) -> None:
    read = """
        # Databricks notebook source
        import duckdb, os
        with duckdb.connect(os.environ["LAKEFLOW_LOCAL_DUCKDB"], read_only=True) as connection:
            (total,) = connection.execute("SELECT total FROM main.total").fetchone()
        dbutils.notebook.exit(str(total))
        """
    files = {**FILES, "read.py": read}
    if profiles is not None:
        files["dbt/profiles.yml"] = profiles
    jobs = {
        "etl": {
            "tasks": [
                dbt_task("dbt", "dbt seed", "dbt run", "dbt test"),
                notebook_task("read", "read.py", depends_on=depends_on("dbt")),
            ]
        }
    }
    client = create(jobs, files).start()
    outputs = client.outputs(client.run("etl"))
    assert {key: each.error for key, each in outputs.items() if each.error} == {}
    assert "PASS=1" in (outputs["dbt"].logs or "")
    assert outputs["read"].notebook_output is not None
    assert outputs["read"].notebook_output.result == "5"


def test_failure_names_the_command_and_the_model(create: Create) -> None:
    files = {**FILES, "dbt/models/wrong.sql": "select nosuch from {{ ref('prices') }}"}
    client = create({"etl": {"tasks": [dbt_task("dbt", "dbt build")]}}, files).start()
    run = client.run("etl")
    assert task_results(run) == {"dbt": "FAILED"}
    assert "wrong" in (client.outputs(run)["dbt"].error or "")
