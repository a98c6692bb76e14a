"""Kills of a workspace whose tasks use dbt: no run is lost, no process and no lock is left."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace, stop_workspace
from tests.dbt.conftest import FILES, dbt_task, sql_task
from tests.local.journeys.test_durability import Load, client_of, kill
from tests.local.support import (
    ENDED,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
    write_bundle,
)
from tests.spark.test_kills import MARK, marked_processes, read_commands
from tests.support import wait_until

KILLS = int(os.environ.get("LAKEFLOW_KILLS", "5"))


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
        "dbt": {"tasks": [dbt_task("dbt", "dbt run --select daily")], **limit},
        "read": {"tasks": [sql_task("read", "read.sql")]},
    }
    bundle = write_bundle(tmp_path, jobs, {**FILES, "read.sql": "SELECT n FROM daily"})
    chance = random.Random(4)
    acknowledged: dict[int, str] = {}
    doubtful: set[int] = set()
    with_dbt = 0
    for number in range(KILLS):
        client = client_of(ensure_workspace(folder, bundle), bundle)
        loads = [Load(client, 2 * number + each, ("quick", "dbt")) for each in range(2)]
        threading.Event().wait(chance.uniform(0.5, 6))
        if number == 0:  # a busy machine may need longer than that until tasks run
            wait_until(lambda: "payload.json" in read_commands(mark), "a task's process")
        with_dbt += "payload.json" in read_commands(mark)
        kill(client.address, folder)
        for load in loads:
            load.thread.join()
            acknowledged |= load.acknowledged
            doubtful |= load.doubtful
        wait_until(lambda: not marked_processes(mark), "the end of all processes")
    client = client_of(ensure_workspace(folder, bundle), bundle)
    listed = {run.run_id: run for run in client.jobs.list_runs(limit=25)}
    print(f"{KILLS} kills: {len(acknowledged)} runs acknowledged, {with_dbt} kills with dbt tasks")
    assert acknowledged.keys() - doubtful <= listed.keys()
    assert {state_fields(run)[0] for run in listed.values()} <= ENDED
    assert task_results(client.run("dbt")) == {"dbt": "SUCCESS"}
    assert task_results(client.run("read")) == {"read": "SUCCESS"}
