"""What the tests of clients share: a workspace to point them at, and programs that use them."""

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
_PATIENCE = 300  # seconds that a client may take for all that a test has it do
_EXPORT = "export "
_JOB = "DATABRICKS_JOB_"


@dataclass(frozen=True)
class ServedWorkspace:
    """A workspace in a process of its own.

    :param environ: what it tells its users to export.
    """

    environ: Mapping[str, str]

    @property
    def host(self) -> str:
        return self.environ["DATABRICKS_HOST"]

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.host)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def token(self) -> str:
        return self.environ["DATABRICKS_TOKEN"]

    @property
    def job_ids(self) -> Mapping[str, str]:
        """The variables with the ids of the jobs, for those who log in by other ones."""
        return {name: self.environ[name] for name in self.environ if name.startswith(_JOB)}

    def job_id(self, key: str) -> int:
        """The id of a job of the bundle."""
        return int(self.environ[_JOB + key.upper()])

    def runs(self, key: str) -> list[BaseRun]:
        """The runs of a job, the newest first: what the workspace itself has to say of them."""
        config = Config(host=self.host, token=self.token, auth_type="pat")
        return list(WorkspaceClient(config=config).jobs.list_runs(job_id=self.job_id(key)))


@contextmanager
def served(folder: Path) -> Iterator[ServedWorkspace]:
    """Serve the bundle as its users would.

    :param folder: where the runs are kept.
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
            yield ServedWorkspace(_exports(process.stdout))
        finally:
            process.terminate()


def _exports(lines: Iterator[str]) -> Mapping[str, str]:
    """The variables that a workspace prints once it answers; the last one is its last job's."""
    found: dict[str, str] = {}
    while f"{_JOB}INSTANT" not in found:
        name, _, value = next(lines).strip().removeprefix(_EXPORT).partition("=")
        found[name] = value
    return found


def secret_overrides(command: Sequence[str | Path], environ: Mapping[str, str]) -> str:
    """What a program prints that has to succeed.

    :param command: with its arguments.
    :param environ: beside this process's own.
    """
    ended = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert ended.returncode == 0, f"{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def seen_by(driver: str, interpreter: Path, environ: Mapping[str, str]) -> Any:
    """What a program saw that uses a client: the JSON in the last line that it prints.

    :param driver: its name, among the drivers.
    :param interpreter: of the environment where the client is.
    :param environ: beside this process's own.
    """
    return json.loads(secret_overrides([interpreter, DRIVERS / driver], environ).splitlines()[-1])
