"""Airflow's provider: its hook, and its operator in a DAG that Airflow itself runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.conftest import Install
from tests.clients.support import DRIVERS, WorkspaceProcess, run_driver, run_program


@pytest.fixture
def python(install_from_pypi: Install) -> Path:
    return install_from_pypi("airflow", "apache-airflow-providers-databricks")


@pytest.fixture
def environ(workspace: WorkspaceProcess, tmp_path: Path) -> Mapping[str, str]:
    """An Airflow installation whose default connection is the workspace."""
    host, port = workspace.address
    connection = {
        "conn_type": "databricks",
        "schema": "http",
        "host": host,
        "port": port,
        "password": workspace.token,
    }
    return {
        **workspace.job_ids,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DRIVERS / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_DATABRICKS_DEFAULT": json.dumps(connection),
    }


def test_hook_submits_runs_reads_and_cancels(python: Path, environ: Mapping[str, str]) -> None:
    assert run_driver("with_airflow_hook.py", python, environ) == {
        "submitted without tasks": "extracted 2013-02-04\n",
        "found by name": True,
        "job of the run": True,
        "ending": "SUCCESS",
        "output": "loaded 2013-02-03",
        "endless is over": False,
        "endless once canceled": "CANCELED",
    }


@pytest.fixture
def database(python: Path, environ: Mapping[str, str]) -> None:
    """The database of Airflow, with the DAGs."""
    airflow = python.with_name("airflow")
    run_program([airflow, "db", "migrate"], environ)
    run_program([airflow, "dags", "reserialize"], environ)


@pytest.mark.usefixtures("database")
def test_operator_starts_one_run_per_token_and_repairs(
    python: Path, environ: Mapping[str, str], workspace: WorkspaceProcess
) -> None:
    before = {run.run_id for key in ("etl", "flaky") for run in workspace.runs(key)}

    results = run_driver("dags/with_airflow_operator.py", python, environ)

    (etl,) = (run for run in workspace.runs("etl") if run.run_id not in before)
    (flaky,) = (run for run in workspace.runs("flaky") if run.run_id not in before)
    assert results == {
        "first": {"state": "success", "tries": 1, "run": etl.run_id},
        "second": {"state": "success", "tries": 1, "run": etl.run_id},
        "repaired": {"state": "success", "tries": 2, "run": flaky.run_id},
    }


@pytest.mark.usefixtures("database")
def test_group_of_tasks_runs_as_one_job(python: Path, environ: Mapping[str, str]) -> None:
    assert run_driver("dags/with_airflow_workflow.py", python, environ) == {
        "group.launch": "success",
        "group.etl": "success",
        "group.instant": "success",
    }
