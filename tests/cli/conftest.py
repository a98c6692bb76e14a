"""The command line in this process and in its own, in front of the local workspace."""

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
from flask import Flask

from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.local import Address, Workspace, load_bundle
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.cli import shop

BUNDLE = Path(__file__).parent / "bundle" / "databricks.yml"
ROOT = Path(__file__).parents[2]

#: Old versions of click mix the two streams unless told not to.
MIXES = "mix_stderr" in inspect.signature(CliRunner.__init__).parameters
SEPARATE: dict[str, Any] = {"mix_stderr": False} if MIXES else {}


@dataclass(frozen=True)
class Ended:
    """What a command left.

    :param code: its exit code.
    :param stdout: its result.
    :param stderr: its progress.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The result as JSON."""
        return json.loads(self.stdout)


Run = Callable[..., Ended]
Start = Callable[..., "subprocess.Popen[str]"]


def started(jobs: Run, *args: str) -> str:
    """The id of a run that was started and is not waited for."""
    return jobs("run", *args, "--no-wait").stdout.strip()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The local workspace, with the jobs of this folder's bundle."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("workspace")) as address:
        yield address


@pytest.fixture
def job_ids() -> Mapping[str, int]:
    """The ids of the bundle's jobs."""
    return {key: job.job_id for key, job in load_bundle(BUNDLE).jobs.items()}


@pytest.fixture(autouse=True)
def _settings(
    _no_settings_from_outside: None,
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
    monkeypatch.setenv("LAKEFLOW_JOBS_POLL_INTERVAL", "0.25")
    monkeypatch.setenv("LAKEFLOW_JOBS_READ_ATTEMPTS", "1")
    monkeypatch.setenv("LAKEFLOW_JOBS_WAIT_TIMEOUT", "60")
    monkeypatch.setenv("SHOP_INSTANCE", str(tmp_path / "instance"))


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
def one_job(monkeypatch: pytest.MonkeyPatch, job_ids: Mapping[str, int]) -> None:
    """The settings name a single job, ``default``, which is ``etl``."""
    for key in job_ids:
        monkeypatch.delenv(build_env_name(key))
    monkeypatch.setenv("DATABRICKS_JOB_ID", str(job_ids["etl"]))


@pytest.fixture
def app() -> Flask:
    return shop.create_app()


@pytest.fixture
def jobs(app: Flask) -> Run:
    """Runs ``flask jobs …`` in this process, or of another app."""

    def run(*args: str, of: Flask = app, **options: Any) -> Ended:
        runner = of.test_cli_runner(**SEPARATE)
        result = runner.invoke(args=["jobs", *args], **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``flask jobs …`` as a process of its own, killed at the end if it is still there."""
    with ExitStack() as stack:

        def process(*args: str, factory: str = "create_app", **options: Any) -> Any:
            command = [sys.executable, "-m", "flask", "--app", f"tests.cli.shop:{factory}()"]
            started = subprocess.Popen(
                [*command, "jobs", *args],
                cwd=ROOT,
                env={**os.environ, **options.pop("env", {})},
                stdout=subprocess.PIPE,
                stderr=options.pop("stderr", subprocess.PIPE),
                text=True,
                encoding="utf-8",
                # where the tests run in the background of a shell, children ignore Ctrl-C
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                **options,
            )
            stack.enter_context(started)
            stack.callback(started.kill)
            return started

        yield process


@pytest.fixture
def shell(start: Start) -> Run:
    """Runs ``flask jobs …`` as a process of its own to its end."""

    def run(*args: str, stdin: str | None = None, **options: Any) -> Ended:
        process = start(*args, stdin=subprocess.PIPE, **options)
        stdout, stderr = process.communicate(stdin, timeout=60)
        return Ended(process.returncode, stdout, stderr)

    return run
