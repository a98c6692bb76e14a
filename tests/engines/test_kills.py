"""Kills of a workspace whose tasks use Spark and dbt: no run is lost, and no process is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace
from tests.engines.test_dbt import FILES, dbt_task
from tests.local.kills import MARK, check_runs, client_of, kill_repeatedly
from tests.local.support import (
    python_task,
    simulated_job,
    simulated_task,
    task_results,
    write_bundle,
)

SPARK = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(10).write.mode("append").saveAsTable("numbers")
"""


def test_killed_workspace_loses_no_run_and_leaves_no_process(
    tmp_path: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = str(tmp_path)
    monkeypatch.setenv(MARK, mark)
    limit = {"max_concurrent_runs": 1, "queue": {"enabled": True}}
    jobs = {
        "quick": {**simulated_job(simulated_task("a")), "max_concurrent_runs": 500},
        "spark": {"tasks": [python_task("main")], **limit},
        "dbt": {"tasks": [dbt_task("main", "dbt seed", "dbt run")], **limit},
    }
    bundle = write_bundle(tmp_path, jobs, {**FILES, "main.py": SPARK})
    loads, commands = kill_repeatedly(
        workspace_folder,
        bundle,
        tuple(jobs),
        seed=3,
        seconds=(0.5, 6),
        mark=mark,
        command="payload.json",
    )
    client = client_of(ensure_workspace(workspace_folder, bundle), bundle)
    check_runs(client, loads)
    assert any("--sail" in each for each in commands)
    for key in ("spark", "dbt"):
        assert task_results(client.run(key)) == {"main": "SUCCESS"}
