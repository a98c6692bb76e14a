"""The command line as a shell has it: processes, signals, pipes, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.local import stop_workspace
from flask_lakeflow_jobs.testing import FaultyWorkspace, Silence
from tests.cli import shop
from tests.cli.conftest import BUNDLE, Ended, Run, Start
from tests.support import RunGate

pytestmark = pytest.mark.processes


@pytest.fixture
def own_workspace(
    job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """The app has nothing but a bundle, so that it starts an local workspace of its own."""
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", *map(build_env_name, job_ids)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEFLOW_JOBS_BUNDLE", str(BUNDLE))
    yield
    stop_workspace(tmp_path / "instance" / "lakeflow")


def wait_for_line(stream: IO[str] | None, text: str) -> str:
    """Read until a line has a text in it."""
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never said, but: {seen}")


def rest_of(process: subprocess.Popen[str]) -> Ended:
    """What a process says from now to its end, and what was read ahead of it."""
    assert process.stdout is not None
    assert process.stderr is not None
    stderr = process.stderr.read()
    return Ended(process.wait(timeout=30), process.stdout.read(), stderr)


def run_id_in(url_line: str) -> str:
    return url_line.rpartition("/")[2].partition("?")[0]


@pytest.mark.parametrize(
    ("args", "code"), [(["etl", "-p", "day=2013-01-02"], 0), (["broken"], 1), (["etl"], 2)]
)
def test_the_shell_gets_the_exit_code(shell: Run, args: list[str], code: int) -> None:
    assert shell("run", *args).code == code


def test_a_pipe_gets_the_result_and_nothing_else(shell: Run) -> None:
    ended = shell("run", "words", "--params-file", "-", stdin='{"args": ["x", "y"]}')
    assert (ended.code, ended.stdout) == (0, "x\ny\n")
    assert "\x1b" not in ended.stderr


def test_a_stream_that_cannot_hold_the_result_gets_it_spelt_out(shell: Run) -> None:
    ended = shell("run", "etl", "-p", "day=2013-01-02", env={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0
    assert "\n3 rows of \\u2603\n" in ended.stdout


def test_ctrl_c_stops_following_and_the_run_goes_on(
    start: Start, shell: Run, run_gate: RunGate
) -> None:
    process = start("run", "held", "-p", f"gate={run_gate.params['gate']}")
    run_id = run_id_in(wait_for_line(process.stderr, "Run URL: "))
    wait_for_line(process.stderr, "wait  RUNNING")
    process.send_signal(signal.SIGINT)
    ended = rest_of(process)
    assert (ended.code, ended.stdout) == (130, "")
    first, url, last = ended.stderr.splitlines()[-3:]
    assert run_id_in(url) == run_id
    assert first == f"Error: Interrupted. Run {run_id} goes on."
    assert last == f"Watch it again: flask jobs watch held {run_id}"
    assert "Outcome:  RUNNING" in shell("show", "held", run_id).stdout
    run_gate.open()
    watched = shell(*last.split()[-3:])
    assert (watched.code, watched.stdout) == (0, "waiting\n")


def test_ctrl_c_while_the_run_is_being_started_says_what_is_not_known(
    start: Start, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Silence(), path="jobs/run-now")
    process = start("run", "words", env={"DATABRICKS_HOST": fault_proxy.host})
    fault_proxy.wait_for(path="jobs/run-now")
    process.send_signal(signal.SIGINT)
    ended = rest_of(process)
    assert (ended.code, ended.stdout) == (130, "")
    assert "it may have been. Look: flask jobs runs words" in ended.stderr


def test_ctrl_c_anywhere_else_is_no_traceback(start: Start, fault_proxy: FaultyWorkspace) -> None:
    fault_proxy.fail(Silence(), path="jobs/runs/list")
    process = start("runs", "words", env={"DATABRICKS_HOST": fault_proxy.host})
    fault_proxy.wait_for(path="jobs/runs/list")
    process.send_signal(signal.SIGINT)
    assert rest_of(process) == Ended(130, "", "Error: Interrupted.\n")


FLASK = """"$PYTHON" -m flask --app 'tests.cli.shop:create_app()' jobs """


def in_shell(script: str) -> Ended:
    """Run a script in which ``jobs`` is ``flask jobs``."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'jobs() {{ {FLASK} "$@"; }}\n{script}'],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "stream", [">&-", "2>&-", ">&- 2>&-", "> /dev/full", "2> /dev/full", "> /dev/full 2>&1"]
)
@pytest.mark.parametrize(("job", "code"), [("words", 0), ("broken", 1)])
def test_a_stream_that_takes_nothing_does_not_change_the_exit_code(
    stream: str, job: str, code: int
) -> None:
    ended = in_shell(f"jobs run {job} {stream}")
    assert ended.code == code, ended.stderr
    assert "flask_lakeflow_jobs/cli" not in ended.stderr  # as a traceback of ours would have it
    assert "Exception ignored" not in ended.stderr


def test_a_result_that_cannot_be_written_is_told() -> None:
    said = in_shell("jobs run words -p args=x > /dev/full").stderr
    assert "Warning: The result could not be written: No space left on device." in said


@pytest.mark.parametrize(("job", "code"), [("words", 0), ("broken", 1)])
def test_a_reader_that_leaves_does_not_change_the_exit_code(job: str, code: int) -> None:
    ended = in_shell(f"{{ jobs run {job} 2>&1; echo $? >&3; }} 3>&2 | head -1")
    assert ended.stderr == f"{code}\n"
    assert ended.stdout.startswith("Run URL: ")


@pytest.mark.usefixtures("own_workspace")
def test_a_run_outlives_the_command_line_that_started_it(
    start: Start, shell: Run, run_gate: RunGate
) -> None:
    process = start("run", "held", "-p", f"gate={run_gate.params['gate']}", start_new_session=True)
    run_id = run_id_in(wait_for_line(process.stderr, "Run URL: "))
    wait_for_line(process.stderr, "wait  RUNNING")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    run_gate.open()
    watched = shell("watch", "held", run_id)
    assert (watched.code, watched.stdout) == (0, "waiting\n")


@pytest.mark.usefixtures("own_workspace")
def test_local_starts_tells_and_stops_the_workspace(shell: Run, job_ids: Mapping[str, int]) -> None:
    assert shell("local", "--status").stdout == "Not running.\n"
    assert shell("local", "--stop").stderr == "It was not running.\n"
    exported = shell("local")
    assert exported.code == 0
    names = dict(
        line.removeprefix("export ").split("=", 1) for line in exported.stdout.splitlines()
    )
    assert names.pop("DATABRICKS_TOKEN")
    host = names.pop("DATABRICKS_HOST")
    assert host.startswith("http://127.0.0.1:")
    assert names == {build_env_name(key): str(job_id) for key, job_id in job_ids.items()}
    assert shell("local").stdout == exported.stdout
    assert shell("local", "--status").stdout.startswith(f"Running at {host} (process ")
    assert shell("local", "--stop").stderr == "Stopped.\n"
    assert shell("local", "--status").stdout == "Not running.\n"


@pytest.mark.usefixtures("own_workspace")
def test_what_local_prints_lets_another_shell_in(shell: Run) -> None:
    script = """
        eval "$(jobs local)"
        unset LAKEFLOW_JOBS_BUNDLE
        jobs run words -p args=in
    """
    ended = in_shell(script)
    assert (ended.code, ended.stdout) == (0, "in\n"), ended.stderr


@pytest.mark.usefixtures("own_workspace")
def test_a_workspace_that_cannot_be_started_is_a_sentence(
    jobs: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHOP_INSTANCE", str(tmp_path / "file"))
    for command in (["local"], ["run", "words"]):
        ended = jobs(*command, of=shop.create_app())
        assert (ended.code, ended.stdout) == (7, "")
        assert ended.stderr.startswith("Error: ")


@pytest.mark.parametrize("option", [[], ["--status"], ["--stop"]])
def test_local_without_a_bundle_says_what_to_set(jobs: Run, option: list[str]) -> None:
    ended = jobs("local", *option)
    assert (ended.code, ended.stdout) == (2, "")
    assert "LAKEFLOW_JOBS_BUNDLE" in ended.stderr
