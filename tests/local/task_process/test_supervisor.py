"""Everything that a task starts ends with it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import ensure_workspace, load_bundle, stop_workspace
from tests.local.conftest import Serve
from tests.local.support import Client, is_running, python_task, task_results, write_bundle
from tests.support import wait_until

# Three processes: in a session of its own without the task's environment, one whose parent has
# ended, and one that ignores SIGTERM.
START = """
import os, signal, subprocess, sys, time
own = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={"PATH": os.environ["PATH"]})
shell = "setsid sleep 1000 >/dev/null 2>&1 & echo $!"
orphan = subprocess.run(["sh", "-c", shell], capture_output=True, text=True).stdout.strip()
deaf = subprocess.Popen(["sh", "-c", "trap '' TERM; setsid sleep 1000"])
print(os.getpid(), own.pid, orphan, deaf.pid, flush=True)
"""
END = START + "sys.exit(int(sys.argv[1]))\n"
STAY = START + "time.sleep(1000)\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans escape elsewhere")


def read_pids(client: Client, task_id: int | None) -> list[int]:
    assert task_id is not None
    logs = wait_until(lambda: client.jobs.get_run_output(task_id).logs, "the first line")
    return [int(pid) for pid in (logs or "").splitlines()[0].split()]


def wait_for_the_end(pids: list[int]) -> None:
    assert len(pids) == 4
    for pid in pids:
        wait_until(lambda pid=pid: not is_running(pid), f"the end of process {pid}")  # type: ignore[misc]


@pytest.mark.parametrize(("code", "result"), [(0, "SUCCESS"), (3, "FAILED")])
def test_task_that_ends_takes_its_processes_along(serve: Serve, code: int, result: str) -> None:
    client = serve(
        {"etl": {"tasks": [python_task("main", "main.py", str(code))]}}, {"main.py": END}
    )
    run = client.run("etl")
    assert task_results(run) == {"main": result}
    assert not any(map(is_running, read_pids(client, (run.tasks or [])[0].run_id)))


def test_canceled_task_takes_its_processes_along(serve: Serve) -> None:
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": STAY})
    run_id = client.start("etl")
    pids = read_pids(client, (client.jobs.get_run(run_id).tasks or [])[0].run_id)
    assert all(map(is_running, pids))
    client.jobs.cancel_run(run_id)
    assert task_results(client.finish(run_id)) == {"main": "CANCELED"}
    assert not any(map(is_running, pids))


def test_killed_workspace_takes_the_processes_of_tasks_along(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, {"main.py": STAY})
    address = ensure_workspace(tmp_path / "folder", bundle)
    try:
        job_ids = {key: job.job_id for key, job in load_bundle(bundle).jobs.items()}
        client = Client(address, job_ids)
        run_id = client.start("etl")
        pids = read_pids(client, (client.jobs.get_run(run_id).tasks or [])[0].run_id)
        os.kill(address.pid, signal.SIGKILL)
        wait_for_the_end(pids)
    finally:
        stop_workspace(tmp_path / "folder")


SUSPENDED = """
import os, signal, subprocess
print(os.getpid(), os.getppid(), 0, 0, flush=True)
os.killpg(0, signal.SIGSTOP)
"""


def test_suspended_task_is_killed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.tasks.processes._GRACE_SECONDS", 0.1)
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": SUSPENDED})
    run_id = client.start("etl")
    pids = read_pids(client, (client.jobs.get_run(run_id).tasks or [])[0].run_id)[:2]
    client.jobs.cancel_run(run_id)
    assert task_results(client.finish(run_id)) == {"main": "CANCELED"}
    assert not any(map(is_running, pids))


def test_task_that_a_signal_ends_says_so(serve: Serve) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    output = client.outputs(client.run("etl"))["main"]
    assert output.error == "The task's process was ended by the signal SIGSEGV."
