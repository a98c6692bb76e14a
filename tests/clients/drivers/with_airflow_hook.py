"""Calls Airflow's hook and prints the results."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import time

from airflow.providers.databricks.hooks.databricks import DatabricksHook, RunState

ETL = int(os.environ["DATABRICKS_JOB_ETL"])
ENDLESS = int(os.environ["DATABRICKS_JOB_ENDLESS"])

hook = DatabricksHook()


def main() -> None:
    run_id = hook.run_now({"job_id": ETL, "job_parameters": {"day": "2013-02-03"}})
    ended = end_of(run_id)
    extract, load = hook.get_run(run_id)["tasks"]
    endless = hook.run_now({"job_id": ENDLESS})
    active = hook.get_run_state(endless)
    hook.cancel_run(endless)
    results = {
        "submitted without tasks": submitted(extract["spark_python_task"]["python_file"]),
        "found by name": hook.find_job_id_by_name("etl") == ETL,
        "job of the run": hook.get_job_id(run_id) == ETL,
        "ending": ended.result_state,
        "output": hook.get_run_output(load["run_id"])["notebook_output"]["result"],
        "endless is over": active.is_terminal,
        "endless once canceled": end_of(endless).result_state,
    }
    print(json.dumps(results))


def submitted(python_file: str) -> str:
    """Submit a script as the operator does, without tasks and with numbers as text; its logs."""
    task = {"python_file": python_file, "parameters": ["2013-02-04"]}
    request = {"run_name": "by itself", "spark_python_task": task, "timeout_seconds": "3600"}
    run_id = hook.submit_run(request)
    end_of(run_id)
    return str(hook.get_run_output(run_id)["logs"])


def end_of(run_id: int) -> RunState:
    while not (state := hook.get_run_state(run_id)).is_terminal:
        time.sleep(0.1)
    return state


main()
