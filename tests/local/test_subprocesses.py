"""Programs that end in time, with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.subprocesses import (
    CHILD,
    Stopped,
    SupervisedProcess,
    find_python,
    run_program,
)
from tests.local.support import is_running
from tests.support import DEADLINE, wait_until

# Starts a child that sleeps for an hour, and tells that it runs.
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
with open("child.part", "w") as file:
    file.write(str(child.pid))
os.rename("child.part", "child")
"""


def has_ended(folder: Path) -> bool:
    return not is_running(int((folder / "child").read_text()))


@pytest.mark.parametrize("executable", ["/usr/bin/uwsgi", ""])
def test_python_in_a_server_that_embeds_it_is_that_of_the_environment(
    executable: str, tmp_path: Path
) -> None:
    assert find_python(executable, str(tmp_path)) == executable, "there is no other"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").touch()
    assert find_python(executable, str(tmp_path)) == f"{tmp_path}/bin/python3"
    assert find_python("/usr/bin/python3.12", str(tmp_path)) == "/usr/bin/python3.12"


def test_process_of_a_server_that_embeds_python_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/uwsgi")
    process = SupervisedProcess(["-c", "import sys; sys.exit(len(sys.argv))"], ["after the pipe"])
    assert process.wait() == 3
    process.kill_all()


# Threads of other tests may still run in the process of the tests.
ignore_threads = pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")


@ignore_threads
def test_process_is_killed_while_a_forked_child_lives() -> None:
    """It may be a server that a test has forked; the workspace waits for the process."""
    sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
    process = SupervisedProcess([str(CHILD), "--run"], sleep)
    child = os.fork()
    if child == 0:
        while True:
            signal.pause()
    try:
        process.kill_all()
        assert process.wait(DEADLINE) == -signal.SIGKILL
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@ignore_threads
def test_forked_child_ends_no_process_of_its_parent() -> None:
    process = SupervisedProcess(["-c", "input()"], stdin=subprocess.PIPE)
    child = os.fork()
    if child == 0:
        os._exit(process._own_end + 1)
    assert os.waitpid(child, 0)[1] == 0
    os.fstat(process._own_end)
    process.communicate(b"\n")
    assert process.returncode == 0
    process.kill_all()


def test_program_returns_its_exit_code_and_its_children_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{PARENT}sys.exit(3)"]
    assert run_program(command, 60, cwd=tmp_path) == 3
    wait_until(lambda: has_ended(tmp_path), "the end of the child")


def test_program_that_is_stopped_ends_with_its_children(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{PARENT}child.wait()"]
    with pytest.raises(Stopped):
        run_program(command, 3600, (tmp_path / "child").exists, cwd=tmp_path)
    wait_until(lambda: has_ended(tmp_path), "the end of the child")


def test_program_has_a_time_limit() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(3600)"]
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(command, 0)


@pytest.mark.parametrize("name", ["no such program", "a name with \0"])
def test_program_that_cannot_start_leaves_no_open_file(name: str, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises((OSError, ValueError)):
        run_program([name], 60, cwd=tmp_path / "missing")
    assert os.listdir("/proc/self/fd") == before


def test_program_ends_if_its_process_is_killed(tmp_path: Path) -> None:
    code = f"""
import sys
from flask_lakeflow_jobs.local.subprocesses import run_program
run_program([sys.executable, "-c", {PARENT + "child.wait()"!r}], 3600)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as process:
        wait_until((tmp_path / "child").exists, "the start of the program")
        process.kill()
    wait_until(lambda: has_ended(tmp_path), "the end of the program")


def test_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    with open(tmp_path / "errors", "w") as errors:
        assert run_program(["./none"], 60, stderr=errors) == 1
    assert (tmp_path / "errors").read_text().startswith("./none does not start: ")
