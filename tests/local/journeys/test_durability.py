"""Restarts: a workspace that is killed at any moment keeps every acknowledged run."""

from __future__ import annotations

from pathlib import Path

from flask_lakeflow_jobs.local import Workspace, ensure_workspace
from tests.local.kills import KILLS, check_runs, client_of, kill, kill_repeatedly
from tests.local.support import (
    depends_on,
    is_running,
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
    write_bundle,
)
from tests.support import wait_until

# A process with a child; both run forever.
LINGER = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "1000"])
print(os.getpid(), child.pid, flush=True)
time.sleep(1000)
"""


def test_killed_workspace_marks_its_active_runs_and_ends_their_processes(
    tmp_path: Path, workspace_folder: Path
) -> None:
    tasks = [python_task("first", "first.py"), python_task("main", depends_on=depends_on("first"))]
    tasks.append(python_task("last", depends_on=depends_on("main")))
    bundle = write_bundle(tmp_path, {"etl": {"tasks": tasks}}, {"main.py": LINGER, "first.py": ""})
    address = ensure_workspace(workspace_folder, bundle)
    client = client_of(address, bundle)
    run_id = client.start("etl")
    main_id = (client.jobs.get_run(run_id).tasks or [])[1].run_id
    assert main_id is not None
    logs = wait_until(lambda: client.jobs.get_run_output(main_id).logs, "the first line")
    processes = [int(pid) for pid in (logs or "").split()]
    assert all(map(is_running, processes))
    kill(address, workspace_folder)
    for pid in processes:
        wait_until(lambda pid=pid: not is_running(pid), f"the end of process {pid}")  # type: ignore[misc]
    ensure_workspace(workspace_folder, bundle)
    run = client.jobs.get_run(run_id)
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR")
    assert run.state is not None
    assert "The local workspace stopped while this was running" in (run.state.state_message or "")
    assert run.end_time
    assert task_results(run) == {"first": "SUCCESS", "main": "FAILED", "last": "UPSTREAM_FAILED"}
    client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    client.jobs.cancel_run(run_id)
    assert state_fields(client.finish(run_id))[1] == "CANCELED"


def test_stopped_workspace_ends_the_processes_of_its_tasks(tmp_path: Path) -> None:
    jobs = {"etl": {"tasks": [python_task("main")]}}
    bundle = write_bundle(tmp_path, jobs, {"main.py": LINGER})
    with Workspace(bundle, tmp_path / "folder") as address:
        client = client_of(address, bundle)
        run_id = client.start("etl")
        (main,) = client.jobs.get_run(run_id).tasks or []
        assert main.run_id is not None
        main_id = main.run_id
        logs = wait_until(lambda: client.jobs.get_run_output(main_id).logs, "the first line")
    for pid in (logs or "").split():
        wait_until(lambda pid=pid: not is_running(int(pid)), f"the end of process {pid}")  # type: ignore[misc]
    with Workspace(bundle, tmp_path / "folder") as address:
        assert state_fields(client_of(address, bundle).jobs.get_run(run_id))[0] == "INTERNAL_ERROR"


def test_killed_workspace_loses_no_acknowledged_run(tmp_path: Path, workspace_folder: Path) -> None:
    etl_jobs = simulated_job(simulated_task("a"), simulated_task("b", "a"), seconds=[0, 0.02])
    etl = {"tasks": [python_task("main"), python_task("next", depends_on=depends_on("main"))]}
    jobs = {
        "quick": {**etl_jobs, "max_concurrent_runs": 500},
        "etl": {**etl, "max_concurrent_runs": 3},
    }
    bundle = write_bundle(tmp_path, jobs, {"main.py": "import time; time.sleep(0.05)"})
    loads, _ = kill_repeatedly(
        workspace_folder,
        bundle,
        ("etl", "quick"),
        seed=1,
        seconds=(0.02, 0.3),
        min_runs=4 * KILLS,
    )
    client = client_of(ensure_workspace(workspace_folder, bundle), bundle)
    acknowledged = check_runs(client, loads)
    assert len(acknowledged) > 3 * KILLS
    run_id, token = next(iter(acknowledged.items()))
    body = {"job_id": client.job_ids["quick"], "idempotency_token": token}
    assert client.http("POST", "/api/2.2/jobs/run-now", body)[1]["run_id"] == run_id
