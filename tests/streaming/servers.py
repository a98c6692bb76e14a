"""Real servers, each in a process of its own."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

from tests.sse_client import Stream
from tests.support import DEADLINE, wait_until

SITE = "tests.streaming.site:create_app()"

#: The root of the project, from which servers import the tests' apps.
ROOT = Path(__file__).parents[2]


def gunicorn(*arguments: str) -> list[str]:
    """Return the command that runs gunicorn."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--bind=127.0.0.1:0",
        *no_control_socket(),
        *arguments,
        SITE,
    ]


@functools.cache
def no_control_socket() -> Sequence[str]:
    """Return the option without which all gunicorns of a user would share a control socket."""
    option = "--no-control-socket"
    shown = subprocess.run([sys.executable, "-m", "gunicorn", "--help"], capture_output=True)
    return [option] if option.encode() in shown.stdout else []


def gthread(threads: int, *arguments: str) -> list[str]:
    return gunicorn("--worker-class=gthread", f"--threads={threads}", *arguments)


def find_free_port() -> int:
    """Return a port below those that Linux gives to clients: one of them could take a free one."""
    while True:
        port = SystemRandom().randrange(20_000, 32_768)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class Server:
    """A server process.

    :param folder: for the log.
    :param environment: settings of the app.
    :param port: where it listens; ``None``: its log says where.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        port: int | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._log = folder / "log"
        self._command = command
        self._port = port
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DATABRICKS_", "LAKEFLOW_")) and "proxy" not in name.lower()
        }
        self._environment = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "DATABRICKS_CONFIG_FILE": str(folder / "no-such-file"),
            "LAKEFLOW_JOBS_WARM_UP": "false",  # tests count threads, files and memory
            **environment,
            "SITE_INSTANCE": str(folder / "instance"),
        }

    def __enter__(self) -> Server:
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )
        try:
            self.url = wait_until(self._address, "a listening server")
            wait_until(self.responding_worker, "a responding worker")
        except BaseException as error:
            self._kill()
            raise AssertionError(self.log) from error
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._kill()
        if error is not None:
            print(self.log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> str:
        """Request a path over a new connection."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200, response.status
            return response.read().decode()
        finally:
            connection.close()

    def connect(self, timeout: float = DEADLINE) -> HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            return HTTPSConnection(parts.netloc, timeout=timeout, context=_unverified_context())
        return HTTPConnection(parts.netloc, timeout=timeout)

    def responding_worker(self) -> int:
        """Return the process id of a worker that responds; 0 if none does."""
        try:
            return int(self.get("/ping"))
        except (OSError, HTTPException):
            return 0

    @property
    def held(self) -> dict[str, Any]:
        """The numbers of what the only worker holds."""
        held: dict[str, Any] = json.loads(self.get("/held"))
        return held

    def wait_until_held(self, **expected: int) -> None:
        """Wait until the only worker holds so much."""

        deadline = time.monotonic() + DEADLINE
        while any((held := self.held)[name] != value for name, value in expected.items()):
            assert time.monotonic() < deadline, f"{held} instead of {expected}"
            time.sleep(0.05)

    def run_path(self, run_id: int) -> str:
        return f"/api/jobs/etl/runs/{run_id}"

    def stream_path(self, run_id: int) -> str:
        return f"{self.run_path(run_id)}/stream"

    def stream(self, run_id: int, **options: Any) -> Stream:
        """Open the stream of a run.

        :param options: of :meth:`tests.sse_client.Stream.open`.
        """
        return Stream.open(self.url + self.stream_path(run_id), **options)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """Stop the server, and wait for its end."""
        self.signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) in (0, -signal.SIGTERM)

    def _address(self) -> str:
        if self._port is not None:
            return f"http://127.0.0.1:{self._port}"
        return "".join(re.findall(r"Listening at: (https?://[\d.:]+)", self.log))

    def _kill(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _unverified_context() -> ssl.SSLContext:
    """Return a context for a server with a self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def open_streams(server: Server, run_id: int, count: int = 20) -> Iterator[list[Stream]]:
    """Open streams of a running run, and read their first events."""
    with ExitStack() as stack:
        streams = [stack.enter_context(server.stream(run_id)) for _ in range(count)]
        for stream in streams:
            assert next(stream).json["outcome"] == "running"
        yield streams
