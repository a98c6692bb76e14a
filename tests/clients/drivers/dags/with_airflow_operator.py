"""A DAG of Airflow's operator; run as a program, it prints the state of each task."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
from datetime import datetime

from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator
from airflow.sdk import DAG

with DAG("clients", schedule=None, start_date=datetime(2025, 1, 1)) as dag:
    once = {
        "job_id": os.environ["DATABRICKS_JOB_ETL"],
        "job_parameters": {"day": "2013-02-03"},
        "idempotency_token": "one intent",
        "polling_period_seconds": 1,
    }
    first = DatabricksRunNowOperator(task_id="first", **once)
    second = DatabricksRunNowOperator(task_id="second", **once)
    # The operator fails even if the repair succeeds; its next try finds the repaired run.
    repaired = DatabricksRunNowOperator(
        task_id="repaired",
        job_id=os.environ["DATABRICKS_JOB_FLAKY"],
        repair_run=True,
        databricks_repair_reason_new_settings={},
        polling_period_seconds=1,
        retries=1,
        retry_delay=0,
    )
    first >> second >> repaired

if __name__ == "__main__":
    results = {
        task.task_id: {
            "state": str(task.state),
            "tries": task.try_number,
            "run": task.xcom_pull(task.task_id, key="run_id"),
        }
        for task in dag.test().get_task_instances()
    }
    print(json.dumps(results))
