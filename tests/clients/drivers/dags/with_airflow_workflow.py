"""A DAG of Airflow's group of tasks; run as a program, it prints the state of each task."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
from datetime import datetime

from airflow.providers.databricks.operators.databricks import DatabricksTaskOperator
from airflow.providers.databricks.operators.databricks_workflow import DatabricksWorkflowTaskGroup
from airflow.sdk import DAG

with (
    DAG("workflow", schedule=None, start_date=datetime(2025, 1, 1)) as dag,
    DatabricksWorkflowTaskGroup(group_id="group", databricks_conn_id="databricks_default"),
):
    for job in ("ETL", "INSTANT"):
        job_id = int(os.environ[f"DATABRICKS_JOB_{job}"])
        DatabricksTaskOperator(
            task_id=job.lower(),
            databricks_conn_id="databricks_default",
            task_config={"run_job_task": {"job_id": job_id}},
            polling_period_seconds=1,
        )

if __name__ == "__main__":
    tasks = dag.test().get_task_instances()
    print(json.dumps({task.task_id: str(task.state) for task in tasks}))
