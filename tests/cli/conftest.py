"""``flask jobs`` in this process and in its own, on the local workspace."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.local import Address, Workspace, load_bundle, stop_workspace
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.cli import apps
from tests.support import DEADLINE, RunGate, wait_until

BUNDLE = Path(__file__).parent / "bundle" / "databricks.yml"
ROOT = Path(__file__).parents[2]

#: Old versions of click mix stdout and stderr by default.
MIXES = "mix_stderr" in inspect.signature(CliRunner.__init__).parameters
SEPARATE_STREAMS: dict[str, Any] = {"mix_stderr": False} if MIXES else {}


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The result as JSON."""
        return json.loads(self.stdout)


RunFlask = Callable[..., CommandResult]
StartFlask = Callable[..., "subprocess.Popen[str]"]


def run_in_shell(script: str) -> CommandResult:
    """Run a shell script in which ``jobs`` is ``flask jobs``."""
    jobs = """"$PYTHON" -m flask --app 'tests.cli.apps:create_app()' jobs "$@" """
    completed = subprocess.run(
        ["/bin/sh", "-c", f"jobs() {{ {jobs}; }}\n{script}"],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return CommandResult(completed.returncode, completed.stdout, completed.stderr)


def start_run(flask_jobs: RunFlask, *args: str) -> str:
    """Start a run without waiting for it, and return its id."""
    result = flask_jobs("run", *args, "--no-wait")
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def interrupt_a_wait(number: int = signal.SIGINT) -> None:
    """Fail as ``threading.Condition.wait`` does if a signal comes between two of its steps."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        raise RuntimeError("cannot release un-acquired lock") from None


@pytest.fixture
def _default_interrupt() -> Iterator[None]:
    """SIGINT is not ignored, as it is in processes that a script starts in the background."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The local workspace, with the jobs of this folder's bundle."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("workspace")) as address:
        yield address


@pytest.fixture(scope="session")
def job_ids() -> Mapping[str, int]:
    """The ids of the bundle's jobs."""
    return {key: job.job_id for key, job in load_bundle(BUNDLE).jobs.items()}


@pytest.fixture
def run_gate(
    run_gate: RunGate, workspace: Address, job_ids: Mapping[str, int]
) -> Iterator[RunGate]:
    """A gate whose runs have ended before the next test, which may ask for active runs."""
    yield run_gate
    run_gate.open()
    jobs = WorkspaceClient(host=workspace.host, token=workspace.token).jobs
    wait_until(
        lambda: not any(jobs.list_runs(job_id=job_ids["held"], active_only=True)),
        "the end of the runs",
    )


@pytest.fixture(autouse=True)
def _settings(
    _clean_environment: None,
    workspace: Address,
    job_ids: Mapping[str, int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The settings of the app, here and in processes that are started from here."""
    monkeypatch.setenv("DATABRICKS_HOST", workspace.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", workspace.token)
    for key, job_id in job_ids.items():
        monkeypatch.setenv(build_env_name(key), str(job_id))
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "0.1")
    monkeypatch.setenv("LAKEFLOW_JOBS_READ_ATTEMPTS", "1")
    monkeypatch.setenv("LAKEFLOW_JOBS_WAIT_TIMEOUT", "60")
    monkeypatch.setenv("CLI_APP_INSTANCE", str(tmp_path / "instance"))


@pytest.fixture
def fault_proxy(fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch) -> FaultyWorkspace:
    """The fault proxy, to which ``DATABRICKS_HOST`` points."""
    monkeypatch.setenv("DATABRICKS_HOST", fault_proxy.host)
    return fault_proxy


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def own_workspace(
    job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Settings with only a bundle, so that the app starts a local workspace of its own."""
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", *map(build_env_name, job_ids)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEFLOW_JOBS_BUNDLE", str(BUNDLE))
    yield
    stop_workspace(tmp_path / "instance" / "lakeflow")


@pytest.fixture
def app() -> Flask:
    return apps.create_app()


@pytest.fixture
def flask_jobs(app: Flask) -> RunFlask:
    """Run ``flask jobs …`` in this process, for ``app`` or another app."""

    def run(*args: str, of: Flask = app, **options: Any) -> CommandResult:
        runner = of.test_cli_runner(**SEPARATE_STREAMS)
        result = runner.invoke(args=["jobs", *args], **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)

    return run


def _reset_signals() -> None:
    """React to signals that a process in the background of a shell, or under nohup, ignores."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start_flask_jobs() -> Iterator[StartFlask]:
    """Start ``flask jobs …`` as a process, which is killed at the end of the test."""
    with ExitStack() as stack:

        def start(*args: str, **options: Any) -> Any:
            command = [sys.executable, "-m", "flask", "--app", "tests.cli.apps:create_app()"]
            process = subprocess.Popen(
                [*command, "jobs", *args],
                cwd=ROOT,
                env={**os.environ, **options.pop("env", {})},
                stdout=subprocess.PIPE,
                stderr=options.pop("stderr", subprocess.PIPE),
                text=True,
                encoding="utf-8",
                preexec_fn=_reset_signals,
                **options,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def flask_jobs_process(start_flask_jobs: StartFlask) -> RunFlask:
    """Run ``flask jobs …`` as a process to its end."""

    def run(*args: str, stdin: str | None = None, **options: Any) -> CommandResult:
        process = start_flask_jobs(*args, stdin=subprocess.PIPE, **options)
        stdout, stderr = process.communicate(stdin, timeout=DEADLINE)
        return CommandResult(process.returncode, stdout, stderr)

    return run
