"""``flask jobs`` in a shell: processes, signals, pipes and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from flask_lakeflow_jobs.testing import FaultyWorkspace, Silence
from tests.cli.conftest import CommandResult, RunFlask, StartFlask, run_in_shell
from tests.support import DEADLINE, RunGate

pytestmark = pytest.mark.processes

#: Removes what Windows does not have.
AS_ON_WINDOWS = """
import importlib.abc, os, signal, sys

MISSING = {"fcntl", "pwd", "resource"}

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Finder())
for name in MISSING:
    sys.modules.pop(name, None)
for name in ("fork", "geteuid", "getuid", "killpg", "register_at_fork", "setsid"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "pthread_sigmask"):
    delattr(signal, name)
"""


def wait_for_line(stream: IO[str] | None, text: str) -> str:
    """Read a stream up to the line that contains a text."""
    assert stream is not None
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} is not in {lines}")


def read_to_end(process: subprocess.Popen[str]) -> CommandResult:
    """Read the rest of the output of a process, including what is buffered."""
    assert process.stdout is not None
    assert process.stderr is not None
    stderr = process.stderr.read()
    return CommandResult(process.wait(timeout=DEADLINE), process.stdout.read(), stderr)


def parse_run_id(url_line: str) -> str:
    return url_line.rpartition("/")[2].partition("?")[0]


@pytest.mark.parametrize(
    ("args", "exit_code"), [(["etl", "-p", "day=2013-01-02"], 0), (["broken"], 1), (["etl"], 2)]
)
def test_process_ends_with_the_exit_code(
    flask_jobs_process: RunFlask, args: list[str], exit_code: int
) -> None:
    assert flask_jobs_process("run", *args).exit_code == exit_code


def test_pipe_gets_only_the_result(flask_jobs_process: RunFlask) -> None:
    result = flask_jobs_process("run", "words", "--params-file", "-", stdin='{"args": ["x", "y"]}')
    assert (result.exit_code, result.stdout) == (0, "x\ny\n")
    assert "\x1b" not in result.stderr


def test_ascii_stream_gets_escaped_characters(flask_jobs_process: RunFlask) -> None:
    result = flask_jobs_process(
        "run", "etl", "-p", "day=2013-01-02", env={"PYTHONIOENCODING": "ascii"}
    )
    assert result.exit_code == 0
    assert "\n3 rows of \\u2603\n" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_following_and_the_run_continues(
    number: int, start_flask_jobs: StartFlask, flask_jobs_process: RunFlask, run_gate: RunGate
) -> None:
    process = start_flask_jobs("run", "held", "-p", f"gate={run_gate.params['gate']}")
    run_id = parse_run_id(wait_for_line(process.stderr, "Run URL: "))
    wait_for_line(process.stderr, "wait  RUNNING")
    process.send_signal(number)
    result = read_to_end(process)
    assert (result.exit_code, result.stdout) == (130, ""), result.stderr
    first, url, last = result.stderr.splitlines()[-3:]
    assert parse_run_id(url) == run_id
    assert first == f"Interrupted. Run {run_id} continues."
    assert last == f"Watch it again: flask jobs watch held {run_id}"
    assert "Outcome:  RUNNING" in flask_jobs_process("show", "held", run_id).stdout
    run_gate.open()
    watched = flask_jobs_process(*last.split()[-3:])
    assert (watched.exit_code, watched.stdout) == (0, "waiting\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("path", "args"),
    [("jobs/run-now", ["words"]), ("jobs/get", ["held", "-p", f"gate={os.devnull}"])],
)
def test_signal_while_starting_suggests_a_check(
    number: int,
    path: str,
    args: Sequence[str],
    start_flask_jobs: StartFlask,
    fault_proxy: FaultyWorkspace,
) -> None:
    fault_proxy.fail(Silence(), path=path)
    process = start_flask_jobs("run", *args, env={"DATABRICKS_HOST": fault_proxy.host})
    fault_proxy.wait_for(path=path, timeout=DEADLINE)
    process.send_signal(number)
    result = read_to_end(process)
    assert (result.exit_code, result.stdout) == (130, ""), result.stderr
    assert f"Check whether it was: flask jobs runs {args[0]}" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_repairing_suggests_a_check(
    number: int,
    start_flask_jobs: StartFlask,
    flask_jobs_process: RunFlask,
    fault_proxy: FaultyWorkspace,
) -> None:
    run_id = parse_run_id(flask_jobs_process("run", "broken").stderr.splitlines()[-1])
    fault_proxy.fail(Silence(), path="jobs/runs/repair")
    process = start_flask_jobs("repair", "broken", run_id)
    fault_proxy.wait_for(path="jobs/runs/repair", timeout=DEADLINE)
    process.send_signal(number)
    result = read_to_end(process)
    assert (result.exit_code, result.stdout) == (130, ""), result.stderr
    assert f"Check whether it was: flask jobs show broken {run_id}" in result.stderr


def test_ctrl_c_prints_no_traceback(
    start_flask_jobs: StartFlask, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Silence(), path="jobs/runs/list")
    process = start_flask_jobs("runs", "words", env={"DATABRICKS_HOST": fault_proxy.host})
    fault_proxy.wait_for(path="jobs/runs/list", timeout=DEADLINE)
    process.send_signal(signal.SIGINT)
    assert read_to_end(process) == CommandResult(130, "", "Interrupted.\n")


@pytest.mark.parametrize(
    "stream", [">&-", "2>&-", ">&- 2>&-", "> /dev/full", "2> /dev/full", "> /dev/full 2>&1"]
)
@pytest.mark.parametrize(("job", "exit_code"), [("words", 0), ("broken", 1)])
def test_unwritable_stream_does_not_change_the_exit_code(
    stream: str, job: str, exit_code: int
) -> None:
    result = run_in_shell(f"jobs run {job} {stream}")
    assert result.exit_code == exit_code, result.stderr
    assert "flask_lakeflow_jobs/cli" not in result.stderr  # of a traceback
    assert "Exception ignored" not in result.stderr


def test_unwritable_result_is_a_warning() -> None:
    result = run_in_shell("jobs run words -p args=x > /dev/full")
    warning = "Warning: The result could not be written: No space left on device."
    assert warning in result.stderr


@pytest.mark.parametrize("command", ["--help", "record --help", "run --help"])
def test_help_that_is_unwritable_is_an_error_without_a_traceback(command: str) -> None:
    result = run_in_shell(f"jobs {command} > /dev/full")
    assert result.exit_code == 1
    assert result.stderr == ("Error: The output could not be written: No space left on device.\n")


@pytest.mark.parametrize(
    "command", ["list", "runs words", "run words -p args=x --no-wait", "doctor"]
)
def test_command_fails_if_its_only_result_is_unwritable(command: str) -> None:
    run_in_shell("jobs run words")
    result = run_in_shell(f"jobs {command} > /dev/full")
    assert result.exit_code == 1
    assert "Warning: The result could not be written" in result.stderr


@pytest.mark.parametrize(("job", "exit_code"), [("words", 0), ("broken", 1)])
def test_closed_pipe_does_not_change_the_exit_code(job: str, exit_code: int) -> None:
    result = run_in_shell(f"{{ jobs run {job} 2>&1; echo $? >&3; }} 3>&2 | head -1")
    assert result.stderr == f"{exit_code}\n"
    assert result.stdout.startswith("Run URL: ")


@pytest.mark.usefixtures("own_workspace")
def test_run_on_the_local_workspace_outlives_its_command(
    start_flask_jobs: StartFlask, flask_jobs_process: RunFlask, run_gate: RunGate
) -> None:
    process = start_flask_jobs(
        "run", "held", "-p", f"gate={run_gate.params['gate']}", start_new_session=True
    )
    run_id = parse_run_id(wait_for_line(process.stderr, "Run URL: "))
    wait_for_line(process.stderr, "wait  RUNNING")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=DEADLINE)
    run_gate.open()
    watched = flask_jobs_process("watch", "held", run_id)
    assert (watched.exit_code, watched.stdout) == (0, "waiting\n")


@pytest.fixture
def windows(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python lacks what it lacks on Windows."""
    (tmp_path / "sitecustomize.py").write_text(AS_ON_WINDOWS)
    return {"PYTHONPATH": str(tmp_path), "USERNAME": "ada"}


@pytest.mark.parametrize("user", ["ada", ""])
def test_run_on_windows_succeeds(
    flask_jobs_process: RunFlask, windows: dict[str, str], user: str
) -> None:
    names = dict.fromkeys(("LOGNAME", "USER", "LNAME"), "")
    env = {**windows, **names, "USERNAME": user}
    result = flask_jobs_process("run", "words", env=env)
    assert result.exit_code == 0, result.stderr


def test_bundle_on_windows_is_refused(
    flask_jobs_process: RunFlask, windows: dict[str, str], own_workspace: None
) -> None:
    result = flask_jobs_process("list", env=windows)
    assert result.exit_code == 2, result.stderr
    assert "LAKEFLOW_JOBS_BUNDLE: The local workspace needs Linux or macOS." in result.stderr
