"""Kills of a workspace whose tasks use dbt: no run is lost, no process and no lock is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace, stop_workspace
from tests.dbt.conftest import FILES, dbt_task, sql_task
from tests.local.kills import KILLS, MARK, check_runs, client_of, kill_repeatedly, read_commands
from tests.local.support import (
    simulated_job,
    simulated_task,
    task_results,
    write_bundle,
)
from tests.support import wait_until


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
    with_dbt: list[bool] = []

    def note_processes(is_first: bool) -> None:
        if is_first:  # a busy machine may need longer than usual until tasks run
            wait_until(lambda: "payload.json" in read_commands(mark), "a task's process")
        with_dbt.append("payload.json" in read_commands(mark))

    loads = kill_repeatedly(
        folder,
        bundle,
        ("quick", "dbt"),
        seed=4,
        seconds=(0.5, 6),
        before_kill=note_processes,
        mark=mark,
    )
    client = client_of(ensure_workspace(folder, bundle), bundle)
    count = len(check_runs(client, loads))
    print(f"{KILLS} kills: {count} runs acknowledged, {sum(with_dbt)} kills with dbt tasks")
    assert task_results(client.run("dbt")) == {"dbt": "SUCCESS"}
    assert task_results(client.run("read")) == {"read": "SUCCESS"}
