"""Calls Airflow's hook, and prints what came back."""

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
    load = hook.get_run(run_id)["tasks"][1]["run_id"]
    endless = hook.run_now({"job_id": ENDLESS})
    going = hook.get_run_state(endless)
    hook.cancel_run(endless)
    seen = {
        "found by name": hook.find_job_id_by_name("etl") == ETL,
        "job of the run": hook.get_job_id(run_id) == ETL,
        "ending": ended.result_state,
        "output": hook.get_run_output(load)["notebook_output"]["result"],
        "endless is over": going.is_terminal,
        "endless once canceled": end_of(endless).result_state,
    }
    print(json.dumps(seen))


def end_of(run_id: int) -> RunState:
    while not (state := hook.get_run_state(run_id)).is_terminal:
        time.sleep(0.1)
    return state


main()
