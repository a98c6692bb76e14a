"""Airflow's provider: its hook, and its operator in a DAG that Airflow itself runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.conftest import Install
from tests.clients.support import DRIVERS, ServedWorkspace, secret_overrides, seen_by


@pytest.fixture
def python(python_with: Install) -> Path:
    return python_with("airflow", "apache-airflow-providers-databricks")


@pytest.fixture
def environ(workspace: ServedWorkspace, tmp_path: Path) -> Mapping[str, str]:
    """An Airflow of its own, which reaches the workspace by its default connection."""
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


def test_the_hook_runs_reads_and_cancels(python: Path, environ: Mapping[str, str]) -> None:
    assert seen_by("with_airflow_hook.py", python, environ) == {
        "submitted without tasks": "extracted 2013-02-04\n",
        "found by name": True,
        "job of the run": True,
        "ending": "SUCCESS",
        "output": "loaded 2013-02-03",
        "endless is over": False,
        "endless once canceled": "CANCELED",
    }


def test_the_operator_starts_one_run_an_intent_and_repairs_it(
    python: Path, environ: Mapping[str, str], workspace: ServedWorkspace
) -> None:
    airflow = python.with_name("airflow")
    secret_overrides([airflow, "db", "migrate"], environ)
    secret_overrides([airflow, "dags", "reserialize"], environ)
    before = {run.run_id for key in ("etl", "flaky") for run in workspace.runs(key)}

    seen = seen_by("dags/with_airflow_operator.py", python, environ)

    (etl,) = (run for run in workspace.runs("etl") if run.run_id not in before)
    (flaky,) = (run for run in workspace.runs("flaky") if run.run_id not in before)
    assert seen == {
        "first": {"state": "success", "tries": 1, "run": etl.run_id},
        "second": {"state": "success", "tries": 1, "run": etl.run_id},
        "repaired": {"state": "success", "tries": 2, "run": flaky.run_id},
    }
