"""Kills of a workspace whose tasks use Spark: no run is lost, and no process is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace
from tests.local.kills import KILLS, MARK, check_runs, client_of, kill_repeatedly
from tests.local.support import (
    python_task,
    simulated_job,
    simulated_task,
    write_bundle,
)

SPARK = """
import subprocess
child = subprocess.Popen(["sleep", "1000"])
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(10).write.mode("append").saveAsTable("numbers")
"""


def test_killed_workspace_loses_no_run_and_leaves_no_process(
    tmp_path: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = str(tmp_path)
    monkeypatch.setenv(MARK, mark)
    limit = {"max_concurrent_runs": 2, "queue": {"enabled": True}}
    jobs = {
        "quick": {**simulated_job(simulated_task("a")), "max_concurrent_runs": 500},
        "spark": {"tasks": [python_task("main")], **limit},
    }
    bundle = write_bundle(tmp_path, jobs, {"main.py": SPARK})
    loads, commands = kill_repeatedly(
        workspace_folder,
        bundle,
        ("quick", "spark"),
        seed=3,
        seconds=(0.5, 6),
        mark=mark,
        command="sleep",
    )
    acknowledged = check_runs(client_of(ensure_workspace(workspace_folder, bundle), bundle), loads)
    servers, children = (sum(each in line for line in commands) for each in ("--sail", "sleep"))
    print(
        f"{KILLS} kills: {len(acknowledged)} runs acknowledged, {servers} kills with a Sail "
        f"server, {children} with a child of a task"
    )
