"""Kills of a workspace whose tasks use dbt: no run is lost, no process and no lock is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace
from tests.dbt.conftest import FILES, dbt_task, sql_task
from tests.local.kills import KILLS, MARK, check_runs, client_of, kill_repeatedly
from tests.local.support import (
    simulated_job,
    simulated_task,
    task_results,
    write_bundle,
)


def test_killed_workspace_loses_no_run_and_leaves_no_process(
    tmp_path: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
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
    task = "payload.json"
    loads, commands = kill_repeatedly(
        workspace_folder,
        bundle,
        ("quick", "dbt"),
        seed=4,
        seconds=(0.5, 6),
        mark=mark,
        command=task,
    )
    client = client_of(ensure_workspace(workspace_folder, bundle), bundle)
    count = len(check_runs(client, loads))
    with_dbt = sum(task in each for each in commands)
    print(f"{KILLS} kills: {count} runs acknowledged, {with_dbt} kills with dbt tasks")
    assert task_results(client.run("dbt")) == {"dbt": "SUCCESS"}
    assert task_results(client.run("read")) == {"read": "SUCCESS"}
