"""apache-airflow-providers-databricks: its hook, and DatabricksRunNowOperator with a token and a
repair.
"""

# mypy: ignore-errors

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

# Started by path, this file would stand in for the package it is about.
sys.path.pop(0)
host = urlsplit(os.environ["DATABRICKS_HOST"])
connection = {
    "conn_type": "databricks",
    "schema": "http",
    "host": host.hostname,
    "port": host.port,
    "password": os.environ["DATABRICKS_TOKEN"],
}
os.environ["AIRFLOW_CONN_DATABRICKS_DEFAULT"] = json.dumps(connection)

from airflow.exceptions import AirflowException  # noqa: E402
from airflow.providers.databricks.hooks.databricks import DatabricksHook  # noqa: E402
from airflow.providers.databricks.operators.databricks import (  # noqa: E402
    DatabricksRunNowOperator,
)


class TaskInstance:
    """As much of one as the operator asks for."""

    def __init__(self) -> None:
        self.stats_tags: dict[str, str] = {}

    def xcom_push(self, **_: Any) -> None:
        """Forget it."""


def run_now(**fields: Any) -> DatabricksRunNowOperator:
    return DatabricksRunNowOperator(task_id="task", polling_period_seconds=1, **fields)


def main() -> None:
    logging.disable()
    etl, flaky, slow = (
        int(os.environ[f"DATABRICKS_JOB_{name}"]) for name in ("ETL", "FLAKY", "SLOW")
    )
    hook = DatabricksHook()
    assert hook.find_job_id_by_name("etl") == etl
    run_id = hook.run_now({"job_id": etl, "job_parameters": {"day": "friday"}})
    while not hook.get_run_state(run_id).is_terminal:
        time.sleep(0.2)
    assert hook.get_run_state(run_id).is_successful
    task = hook.get_run(run_id)["tasks"][1]["run_id"]
    assert hook.get_run_output(task)["notebook_output"]["result"] == "42 rows on friday"

    run_id = hook.run_now({"job_id": slow})
    hook.cancel_run(run_id)
    while not hook.get_run_state(run_id).is_terminal:
        time.sleep(0.2)
    assert hook.get_run_state(run_id).result_state == "CANCELED"

    context = {"ti": TaskInstance()}
    first, again = (run_now(job_id=etl, idempotency_token="a token") for _ in range(2))
    first.execute(context)
    again.execute(context)
    assert again.run_id == first.run_id

    repaired = run_now(job_id=flaky, repair_run=True)
    # Provider 7.23 tells of the first failure even where the repair has succeeded.
    with suppress(AirflowException):
        repaired.execute(context)
    assert hook.get_run_state(repaired.run_id).is_successful
    assert hook.get_latest_repair_id(repaired.run_id)


main()
