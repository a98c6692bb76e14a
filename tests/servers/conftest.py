"""Real gunicorns in front of the embedded workspace."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import pytest

from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.support import DEADLINE, wait_until

Gunicorn = Callable[..., "Server"]


class Server:
    """A gunicorn, from its start to its end.

    :param folder: where it keeps its log and instance.
    :param arguments: its command line.
    :param environment: what the app reads.
    """

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        self._log = folder / "log"
        has_control_socket = int(version("gunicorn").partition(".")[0]) >= 25
        self._command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind=127.0.0.1:0",
            *(["--no-control-socket"] if has_control_socket else []),
            *arguments,
            "tests.servers.site:create_app()",
        ]
        self._environment = {**os.environ, **environment, "SITE_INSTANCE": str(folder / "instance")}

    def __enter__(self) -> Server:
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )
        try:
            self.url = wait_until(
                lambda: "".join(re.findall(r"Listening at: (http://[\d.:]+)", self.log)),
                "a listening server",
            )
            wait_until(self._answers, "an answering worker")
        except BaseException as error:
            self._kill()
            raise AssertionError(self.log) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kill()
        if error is not None:
            print(self.log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str, timeout: float = DEADLINE) -> tuple[int, str]:
        """Ask for something, over a connection of its own."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def stop(self) -> int:
        """Ask it to end, and wait for that."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def _answers(self) -> bool:
        try:
            return self.get("/ping")[0] == 200
        except OSError:
            return False

    def _kill(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def gunicorn_server(
    road: FaultyWorkspace, job_ids: Mapping[str, int], tmp_path: Path
) -> Iterator[Gunicorn]:
    """Starts gunicorns; keywords in capitals are settings of the app."""
    with ExitStack() as stack:

        def start(*arguments: str, **settings: str) -> Server:
            environment = {
                "DATABRICKS_HOST": road.host,
                "DATABRICKS_TOKEN": road.token,
                "DATABRICKS_JOB_GATED": str(job_ids["gated"]),
                "DATABRICKS_JOB_NEVER": str(job_ids["never"]),
                "LAKEFLOW_JOBS_POLL_INTERVAL": "0.25",
                "LAKEFLOW_JOBS_HEARTBEAT": "0.2",
                **settings,
            }
            return stack.enter_context(
                Server(tmp_path / "server", *arguments, environment=environment)
            )

        yield start
