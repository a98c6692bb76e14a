"""databricks-cli 0.18: ``jobs list/get/run-now``, ``runs list/get/get-output/cancel``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CLI = str(Path(sys.executable).with_name("databricks"))
# It drops the port of its host, so it is led to the workspace as to a proxy.
ENVIRONMENT = {
    **os.environ,
    "HTTP_PROXY": os.environ["DATABRICKS_HOST"],
    "DATABRICKS_HOST": "http://workspace.invalid",
}


def call(*arguments: str) -> str:
    answer = subprocess.run(
        [CLI, *arguments], env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True
    )
    return answer.stdout


def get(*arguments: str) -> Any:
    return json.loads(call(*arguments))


def finished(run_id: str, version: str) -> Any:
    while True:
        run = get("runs", "get", version, "--run-id", run_id)
        if "result_state" in run["state"]:
            return run
        time.sleep(0.2)


def main() -> None:
    etl, slow = os.environ["DATABRICKS_JOB_ETL"], os.environ["DATABRICKS_JOB_SLOW"]
    for version in ("--version=2.0", "--version=2.1"):
        assert etl in call("jobs", "list", version)
        assert get("jobs", "get", version, "--job-id", etl)["settings"]["name"] == "etl"
        run_id = str(get("jobs", "run-now", version, "--job-id", etl)["run_id"])
        run = finished(run_id, version)
        assert run["state"]["result_state"] == "SUCCESS"
        assert run_id in call("runs", "list", version)
        task = str(run["tasks"][1]["run_id"])
        output = get("runs", "get-output", version, "--run-id", task)
        assert output["notebook_output"]["result"] == "42 rows on monday"
        run_id = str(get("jobs", "run-now", version, "--job-id", slow)["run_id"])
        call("runs", "cancel", version, "--run-id", run_id)
        assert finished(run_id, version)["state"]["result_state"] == "CANCELED"


main()
