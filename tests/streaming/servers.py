"""Real servers, each in a process of its own."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.sse_client import Stream
from tests.support import DEADLINE, wait_until

SITE = "tests.streaming.site:create_app()"

WAITRESS = """
import sys, waitress
from tests.streaming.site import create_app
server = waitress.create_server(create_app(), listen="127.0.0.1:0", threads=int(sys.argv[1]))
print(f"Listening at: http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
"""

WERKZEUG = """
from werkzeug.serving import make_server
from tests.streaming.site import create_app
server = make_server("127.0.0.1", 0, create_app(), threaded=True)
print(f"Listening at: http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def gunicorn(*arguments: str) -> list[str]:
    """The command line of a gunicorn.

    :param arguments: its options.
    """
    return [
        "-m",
        "gunicorn",
        "--bind=127.0.0.1:0",
        *_no_control_socket(),
        *arguments,
        SITE,
    ]


@functools.cache
def _no_control_socket() -> Sequence[str]:
    """All gunicorns of a user that have a control socket would share one."""
    option = "--no-control-socket"  # asked for outside: gunicorn 20 warns when it is imported
    shown = subprocess.run([sys.executable, "-m", "gunicorn", "--help"], capture_output=True)
    return [option] if option.encode() in shown.stdout else []


def gthread(threads: int, *arguments: str) -> list[str]:
    return gunicorn("--worker-class=gthread", f"--threads={threads}", *arguments)


def waitress(threads: int) -> list[str]:
    return ["-c", WAITRESS, str(threads)]


def werkzeug() -> list[str]:
    return ["-c", WERKZEUG]


class Server:
    """A server, from its start to its end.

    :param folder: where it keeps its log.
    :param command: what Python is to run.
    :param environment: what the app reads.
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        folder.mkdir()
        self._log = folder / "log"
        self._command = [sys.executable, *command]
        outside = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DATABRICKS_", "LAKEFLOW_")) and "proxy" not in name.lower()
        }
        self._environment = {
            **outside,
            "DATABRICKS_CONFIG_FILE": str(folder / "no-such-file"),
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
            wait_until(self.responding_worker, "an answering worker")
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

    # ── ask ───────────────────────────────────────────────────────────────────────────────────────

    def get(self, path: str) -> str:
        """Ask for something, over a connection of its own."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200, response.status
            return response.read().decode()
        finally:
            connection.close()

    def connect(self) -> HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            return HTTPSConnection(parts.netloc, timeout=DEADLINE, context=_no_questions_asked())
        return HTTPConnection(parts.netloc, timeout=DEADLINE)

    def responding_worker(self) -> int:
        """The id of the process that answers; none if nobody does."""
        try:
            return int(self.get("/ping"))
        except (OSError, HTTPException):
            return 0

    @property
    def held(self) -> dict[str, Any]:
        """What the one worker holds."""
        held: dict[str, Any] = json.loads(self.get("/held"))
        return held

    def holds(self, **expected: int) -> None:
        """Wait until the one worker holds so much."""

        deadline = time.monotonic() + DEADLINE
        while any((held := self.held)[name] != value for name, value in expected.items()):
            assert time.monotonic() < deadline, f"{held} in place of {expected}"
            time.sleep(0.05)

    def path_of(self, run_id: int) -> str:
        return f"/api/jobs/etl/runs/{run_id}/stream"

    def stream(self, run_id: int, **options: Any) -> Stream:
        """Watch a run.

        :param run_id: the run.
        :param options: as :meth:`tests.sse_client.Stream.open` takes them.
        """
        return Stream.open(self.url + self.path_of(run_id), **options)

    # ── end ───────────────────────────────────────────────────────────────────────────────────────

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> float:
        """Ask it to end, and wait for that.

        :return: the seconds that it took.
        """
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) in (0, -signal.SIGTERM)
        return time.monotonic() - began

    def _address(self) -> str:
        return "".join(re.findall(r"Listening at: (https?://[\d.:]+)", self.log))

    def _kill(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _no_questions_asked() -> ssl.SSLContext:
    """For a server whose certificate nobody knows."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
