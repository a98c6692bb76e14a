"""Kills of a workspace whose tasks use Spark: no run is lost, and no process is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace, stop_workspace
from tests.local.kills import KILLS, MARK, check_runs, client_of, kill_repeatedly, read_commands
from tests.local.support import (
    python_task,
    simulated_job,
    simulated_task,
    write_bundle,
)
from tests.support import wait_until

SPARK = """
import subprocess
child = subprocess.Popen(["sleep", "1000"])
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(10).write.mode("append").saveAsTable("numbers")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "folder"
    stop_workspace(tmp_path / "folder")


def test_killed_workspace_loses_no_run_and_leaves_no_process(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = str(tmp_path)
    monkeypatch.setenv(MARK, mark)
    limit = {"max_concurrent_runs": 2, "queue": {"enabled": True}}
    jobs = {
        "quick": {**simulated_job(simulated_task("a")), "max_concurrent_runs": 500},
        "spark": {"tasks": [python_task("main")], **limit},
    }
    bundle = write_bundle(tmp_path, jobs, {"main.py": SPARK})
    commands: list[str] = []

    def note_processes(is_first: bool) -> None:
        if is_first:  # a busy machine may need longer than usual until tasks run
            wait_until(lambda: "sleep" in read_commands(mark), "the child of a task")
        commands.append(read_commands(mark))

    loads = kill_repeatedly(
        folder,
        bundle,
        ("quick", "spark"),
        seed=3,
        seconds=(0.5, 6),
        before_kill=note_processes,
        mark=mark,
    )
    acknowledged = check_runs(client_of(ensure_workspace(folder, bundle), bundle), loads)
    servers, children = (sum(each in line for line in commands) for each in ("--sail", "sleep"))
    print(
        f"{KILLS} kills: {len(acknowledged)} runs acknowledged, {servers} kills with a Sail "
        f"server, {children} with a child of a task"
    )
