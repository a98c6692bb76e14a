"""Kills of a workspace whose tasks use Spark: no run is lost, and no process is left."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace, stop_workspace
from tests.local.journeys.test_durability import Load, client_of, kill
from tests.local.support import (
    ENDED,
    is_running,
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    write_bundle,
)
from tests.support import wait_until

KILLS = int(os.environ.get("LAKEFLOW_KILLS", "5"))

#: Inherited by the workspace, its Sail server, its tasks and their children.
MARK = "LINEAGE_OF_KILLS"

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


def marked_processes(mark: str) -> set[int]:
    """Return the processes that inherited the mark, except this one."""
    entry = f"{MARK}={mark}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        pid = int(path.parent.name)
        with suppress(OSError):
            if pid != os.getpid() and entry in path.read_bytes() and is_running(pid):
                found.add(pid)
    return found


def read_commands(mark: str) -> str:
    """Return the commands of the marked processes."""
    commands = []
    for pid in marked_processes(mark):
        with suppress(OSError):
            commands.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    return "\n".join(commands)


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
    chance = random.Random(3)
    acknowledged: dict[int, str] = {}
    doubtful: set[int] = set()
    servers = children = 0
    for number in range(KILLS):
        client = client_of(ensure_workspace(folder, bundle), bundle)
        loads = [Load(client, 2 * number + each, ("quick", "spark")) for each in range(2)]
        threading.Event().wait(chance.uniform(0.5, 6))
        if number == 0:  # a busy machine may need longer than that until tasks run
            wait_until(lambda: "sleep" in read_commands(mark), "the child of a task")
        commands = read_commands(mark)
        servers += "--sail" in commands
        children += "sleep" in commands
        kill(client.address, folder)
        for load in loads:
            load.thread.join()
            acknowledged |= load.acknowledged
            doubtful |= load.doubtful
        wait_until(lambda: not marked_processes(mark), "the end of all processes")
    client = client_of(ensure_workspace(folder, bundle), bundle)
    listed = {run.run_id: run for run in client.jobs.list_runs(limit=25)}
    print(
        f"{KILLS} kills: {len(acknowledged)} runs acknowledged, {servers} kills with a Sail "
        f"server, {children} with a child of a task"
    )
    assert acknowledged.keys() - doubtful <= listed.keys()
    assert {state_fields(run)[0] for run in listed.values()} <= ENDED
