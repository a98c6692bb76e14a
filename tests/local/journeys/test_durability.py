"""Restarts: a workspace that is killed at any moment keeps every acknowledged run."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import uuid
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import (
    Address,
    ManualClock,
    Workspace,
    ensure_workspace,
    load_bundle,
    stop_workspace,
)
from flask_lakeflow_jobs.local.home import WorkspaceFolder
from tests.local.support import (
    ENDED,
    Client,
    depends_on,
    is_running,
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    state_message,
    task_results,
    write_bundle,
)
from tests.support import DEADLINE, wait_until

KILLS = int(os.environ.get("LAKEFLOW_KILLS", "5"))

# A process with a child; both run forever.
LINGER = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "1000"])
print(os.getpid(), child.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "folder"
    stop_workspace(tmp_path / "folder")


def kill(address: Address, folder: Path) -> None:
    os.kill(address.pid, signal.SIGKILL)
    wait_until(lambda: not WorkspaceFolder(folder).is_served(), "the end of the workspace")


def client_of(address: Address, bundle: Path) -> Client:
    return Client(address, {key: job.job_id for key, job in load_bundle(bundle).jobs.items()})


def test_killed_workspace_marks_its_active_runs_and_ends_their_processes(
    tmp_path: Path, folder: Path
) -> None:
    tasks = [python_task("first", "first.py"), python_task("main", depends_on=depends_on("first"))]
    tasks.append(python_task("last", depends_on=depends_on("main")))
    bundle = write_bundle(tmp_path, {"etl": {"tasks": tasks}}, {"main.py": LINGER, "first.py": ""})
    address = ensure_workspace(folder, bundle)
    client = client_of(address, bundle)
    run_id = client.start("etl")
    main_id = (client.jobs.get_run(run_id).tasks or [])[1].run_id
    assert main_id is not None
    logs = wait_until(lambda: client.jobs.get_run_output(main_id).logs, "the first line")
    processes = [int(pid) for pid in (logs or "").split()]
    assert all(map(is_running, processes))
    kill(address, folder)
    for pid in processes:
        wait_until(lambda pid=pid: not is_running(pid), f"the end of process {pid}")  # type: ignore[misc]
    ensure_workspace(folder, bundle)
    run = client.jobs.get_run(run_id)
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR")
    assert run.state is not None
    assert "The local workspace stopped while this was running" in (run.state.state_message or "")
    assert run.end_time
    assert task_results(run) == {"first": "SUCCESS", "main": "FAILED", "last": "UPSTREAM_FAILED"}
    client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    client.jobs.cancel_run(run_id)
    assert state_fields(client.finish(run_id))[1] == "CANCELED"


def test_queued_run_of_a_stopped_workspace_is_marked_as_lost(tmp_path: Path) -> None:
    jobs = {"etl": simulated_job(simulated_task("main"), simulated_task("last", "main"), seconds=1)}
    bundle = write_bundle(tmp_path, jobs, {})
    with Workspace(bundle, tmp_path / "folder", clock=ManualClock()) as address:
        client = client_of(address, bundle)
        client.start("etl")
        waiting = client.start("etl")
    with Workspace(bundle, tmp_path / "folder") as address:
        run = client_of(address, bundle).jobs.get_run(waiting)
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "INTERNAL_ERROR")
    for each in (run, *(run.tasks or [])):
        assert "stopped while this was queued" in state_message(each)


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


class Load:
    """A client that starts, cancels and deletes runs until the workspace dies.

    :ivar acknowledged: the tokens of the runs that it started, by run id.
    :ivar doubtful: the runs whose deletion was not acknowledged.
    """

    def __init__(self, client: Client, seed: int, keys: Sequence[str] = ("etl", "quick")) -> None:
        self._client = client
        self._keys = keys
        self._random = random.Random(seed)
        self.acknowledged: dict[int, str] = {}
        self.deleted: set[int] = set()
        self.doubtful: set[int] = set()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        host = self._client.address.host.removeprefix("http://")
        connection = HTTPConnection(host, timeout=DEADLINE)
        try:
            while True:
                key = self._random.choice(self._keys)
                token = uuid.uuid4().hex
                body = {"job_id": self._client.job_ids[key], "idempotency_token": token}
                run_id = self._post(connection, "run-now", body)["run_id"]
                self.acknowledged[run_id] = token
                if self._random.random() < 0.3:
                    victim = self._random.choice(list(self.acknowledged))
                    self._post(connection, "runs/cancel", {"run_id": victim})
                if self._random.random() < 0.1:
                    victim = self._random.choice(list(self.acknowledged))
                    self.doubtful.add(victim)
                    if self._post(connection, "runs/delete", {"run_id": victim}) == {}:
                        self.deleted.add(victim)
                        del self.acknowledged[victim]
                    self.doubtful.discard(victim)
        except (OSError, HTTPException):
            return
        finally:
            connection.close()

    def _post(self, connection: HTTPConnection, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._client.address.token}"}
        connection.request("POST", f"/api/2.2/jobs/{path}", json.dumps(body), headers)
        return json.loads(connection.getresponse().read())


def test_killed_workspace_loses_no_acknowledged_run(tmp_path: Path, folder: Path) -> None:
    etl_jobs = simulated_job(simulated_task("a"), simulated_task("b", "a"), seconds=[0, 0.02])
    etl = {"tasks": [python_task("main"), python_task("next", depends_on=depends_on("main"))]}
    jobs = {
        "quick": {**etl_jobs, "max_concurrent_runs": 500},
        "etl": {**etl, "max_concurrent_runs": 3},
    }
    bundle = write_bundle(tmp_path, jobs, {"main.py": "import time; time.sleep(0.05)"})
    chance = random.Random(1)
    loads: list[Load] = []
    for number in range(KILLS):
        address = ensure_workspace(folder, bundle)
        client = client_of(address, bundle)
        latest = [Load(client, 2 * number + offset) for offset in range(2)]
        threading.Event().wait(chance.uniform(0.02, 0.3))
        kill(address, folder)
        for load in latest:
            load.thread.join()
        loads += latest
    client = client_of(ensure_workspace(folder, bundle), bundle)
    acknowledged = {run: token for load in loads for run, token in load.acknowledged.items()}
    doubtful = {run for load in loads for run in load.doubtful}
    deleted = {run for load in loads for run in load.deleted}
    assert len(acknowledged) > 3 * KILLS
    listed = {run.run_id: run for run in client.jobs.list_runs(limit=25)}
    assert acknowledged.keys() - doubtful <= listed.keys()
    assert not deleted & listed.keys()
    assert {state_fields(run)[0] for run in listed.values()} <= ENDED
    run_id, token = next(iter(acknowledged.items()))
    body = {"job_id": client.job_ids["quick"], "idempotency_token": token}
    assert client.http("POST", "/api/2.2/jobs/run-now", body)[1]["run_id"] == run_id
