"""Following in several processes, one of which is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.records import record_of
from tests.support import DEADLINE, RunGate, wait_until

pytestmark = pytest.mark.processes

#: A process that follows runs with a short lease and short claims. It says when it leads, and its
#: receiver writes down each call. While the file ``hang`` exists, the receiver does not return.
PROCESS = """
import os, sys, time
from pathlib import Path
from flask import Flask
from flask_lakeflow_jobs import LakeflowJobs, run_finished
from flask_lakeflow_jobs.following import delivery

delivery.CLAIM_SECONDS, delivery.RENEWAL_SECONDS = 2.0, 0.6
delivery.FAILURE_WAIT_SECONDS = 0.2
folder = Path(sys.argv[1])
app = Flask("app", instance_path=str(folder))
LakeflowJobs(app)
calls = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@run_finished.connect_via(app)
def receive(sender, *, run_id, delivery_id, status, **extra):
    os.write(calls, f"{delivery_id} {run_id} {status.outcome.value} {os.getpid()}\\n".encode())
    while (folder / "hang").exists():
        time.sleep(0.02)

follower = app.extensions["lakeflow_jobs"].build_follower(lease_seconds=1.0)
follower.run(lambda: print(follower.is_leading, follower.run_count, flush=True))
"""


class Process:
    """A process that follows runs, and the last line that it has printed."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        command = [sys.executable, "-c", PROCESS, str(folder)]
        self._process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.line = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.line = line.strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)


StartProcess = Callable[[], Process]


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> Flask:
    """An app that starts runs, and follows none."""
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=f"sqlite:///{tmp_path}/record.sqlite3")
    record_of(app)._upgrades_itself = True
    record_of(app).check_schema()
    return app


@pytest.fixture
def start_process(
    fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int], tmp_path: Path
) -> Iterator[StartProcess]:
    """A function that starts a process that follows runs."""
    processes: list[Process] = []
    environ = {
        **os.environ,
        "DATABRICKS_HOST": fault_proxy.host,
        "DATABRICKS_TOKEN": fault_proxy.token,
        "LAKEFLOW_JOBS": json.dumps({"gated": {"job_id": job_ids["gated"], "task_type": "job"}}),
        "LAKEFLOW_JOBS_RECORD_URL": f"sqlite:///{tmp_path}/record.sqlite3",
        "LAKEFLOW_JOBS_POLL_INTERVAL": "0.1",
    }

    def start() -> Process:
        processes.append(Process(environ, tmp_path))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


def wait_for_leader(processes: Sequence[Process], run_count: int) -> Process:
    """Wait until one process leads, and follows so many runs, and the others do not."""

    def find() -> Process | None:
        leaders = [process for process in processes if process.line.startswith("True")]
        is_alone = len(leaders) == 1 and all(process.line for process in processes)
        return leaders[0] if is_alone and leaders[0].line == f"True {run_count}" else None

    found = wait_until(find, f"a process that follows {run_count} runs")
    assert found is not None
    return found


def start_run(app: Flask, run_gate: RunGate) -> int:
    with app.app_context():
        return current_jobs["gated"].run_now(run_gate.params).run_id


def polls(fault_proxy: FaultyWorkspace) -> int:
    return len(fault_proxy.find_requests("GET", "runs/get"))


def calls(folder: Path) -> list[list[str]]:
    file = folder / "calls"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def test_other_process_takes_over_after_a_kill_and_delivers_the_end_once(
    app: Flask,
    start_process: StartProcess,
    fault_proxy: FaultyWorkspace,
    run_gate: RunGate,
    tmp_path: Path,
) -> None:
    processes = [start_process(), start_process()]
    wait_for_leader(processes, 0)
    run_id = start_run(app, run_gate)
    first = wait_for_leader(processes, 1)  # the other one, if this machine delayed a renewal
    first.kill()
    processes.remove(first)
    before = polls(fault_proxy)
    second = wait_for_leader(processes, 1)
    wait_until(lambda: polls(fault_proxy) > before, "a poll of the other process")
    run_gate.open()
    wait_until(lambda: calls(tmp_path), "delivery")
    ((_, delivered, outcome, pid),) = calls(tmp_path)
    assert (delivered, outcome, pid) == (str(run_id), "succeeded", str(second.pid))


def test_receiver_that_a_kill_interrupts_is_called_again_with_its_id(
    app: Flask, start_process: StartProcess, run_gate: RunGate, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    first = start_process()
    wait_for_leader([first], 0)
    start_run(app, run_gate)
    run_gate.open()
    wait_until(lambda: calls(tmp_path), "the call that is interrupted")
    first.kill()
    (tmp_path / "hang").unlink()
    second = start_process()
    wait_until(lambda: len(calls(tmp_path)) > 1, "the second call")
    wait_until(lambda: record_of(app).list_undelivered() == [], "its result")
    one, two = calls(tmp_path)
    assert one[:3] == two[:3]
    assert [one[3], two[3]] == [str(first.pid), str(second.pid)]
