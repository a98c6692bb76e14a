"""A workspace for clients, and programs that use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.service.jobs import BaseRun

DRIVERS = Path(__file__).with_name("drivers")

_BUNDLE = Path(__file__).with_name("bundle")
_TIMEOUT_SECONDS = 300
_EXPORT = "export "
_JOB = "DATABRICKS_JOB_"


@dataclass(frozen=True)
class WorkspaceProcess:
    """A workspace in a process of its own.

    :param environ: the variables that it prints for export.
    """

    environ: Mapping[str, str]

    @property
    def host(self) -> str:
        return self.environ["DATABRICKS_HOST"]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.host)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def token(self) -> str:
        return self.environ["DATABRICKS_TOKEN"]

    @property
    def job_ids(self) -> Mapping[str, str]:
        """The variables with the ids of the jobs."""
        return {name: self.environ[name] for name in self.environ if name.startswith(_JOB)}

    def job_id(self, key: str) -> int:
        """The id of a job of the bundle."""
        return int(self.environ[_JOB + key.upper()])

    def runs(self, key: str) -> list[BaseRun]:
        """The runs of a job in the workspace, the newest first."""
        config = Config(host=self.host, token=self.token, auth_type="pat")
        return list(WorkspaceClient(config=config).jobs.list_runs(job_id=self.job_id(key)))


@contextmanager
def serve_bundle(folder: Path) -> Iterator[WorkspaceProcess]:
    """Serve the bundle beside this file.

    :param folder: of the workspace.
    """
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local"]
    process = subprocess.Popen(
        [*command, "--bundle", str(_BUNDLE), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield WorkspaceProcess(_exports(process.stdout))
        finally:
            process.terminate()


def _exports(lines: Iterator[str]) -> Mapping[str, str]:
    """Read the variables that a workspace prints; the last one is the id of its last job."""
    environ: dict[str, str] = {}
    while f"{_JOB}INSTANT" not in environ:
        name, _, value = next(lines).strip().removeprefix(_EXPORT).partition("=")
        environ[name] = value
    return environ


def run_program(command: Sequence[str | Path], environ: Mapping[str, str]) -> str:
    """Run a program, which must succeed, and return what it prints.

    :param environ: added to the environment of this process.
    """
    ended = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    )
    assert ended.returncode == 0, f"{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def run_driver(driver: str, interpreter: Path, environ: Mapping[str, str]) -> Any:
    """Run a program that uses a client, and return the JSON in the last line that it prints.

    :param driver: the file, in the folder of the drivers.
    :param interpreter: of the client's environment.
    :param environ: added to the environment of this process.
    """
    return json.loads(run_program([interpreter, DRIVERS / driver], environ).splitlines()[-1])
