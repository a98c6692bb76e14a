"""The servers that are measured: how to start, inspect and stop them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import BinaryIO

#: Seconds that a server may take to start or to end.
TIMEOUT_SECONDS = 30.0

#: The variables of the environment that no measured server may inherit.
HOST_SETTINGS = ("DATABRICKS_", "LAKEFLOW_JOBS", "GUNICORN_")


class NotInstalled(Exception):
    """Something that a scenario needs is not on this machine; the message names it."""


@dataclass
class Server:
    """A running server.

    :param process: its process; with gunicorn that of the arbiter.
    :param port: where it listens, on the loopback interface.
    :param output: what it prints, and its log.
    """

    process: subprocess.Popen[bytes]
    port: int
    output: BinaryIO

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """The output so far."""
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0).decode(errors="replace")

    @property
    def workers(self) -> list[int]:
        """The ids of its child processes."""
        pid = self.process.pid
        with contextlib.suppress(OSError):
            return [
                int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
        return []

    @property
    def memory(self) -> int:
        """KiB of resident memory that it and its children hold."""
        return sum(memory_of(pid) for pid in [self.process.pid, *self.workers])

    def stop(self) -> None:
        """End it and its children, whatever they are doing."""
        pids = [self.process.pid, *self.workers]
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_SECONDS)


def memory_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def is_running(pid: int) -> bool:
    """Return whether a process is alive."""
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


@contextlib.contextmanager
def gunicorn(app: str, *options: str, environ: Mapping[str, str]) -> Iterator[Server]:
    """Serve an app with gunicorn.

    :param app: a module of :mod:`benchmarks.apps`.
    :param options: of gunicorn, such as ``-k``, ``gthread``.
    :param environ: the app's settings.
    """
    with _served(
        [
            *(sys.executable, "-m", "gunicorn", f"benchmarks.apps.{app}:create_app()"),
            *("--bind", "127.0.0.1:{port}", "--backlog", "4096", "--log-level", "warning"),
            *_no_control_socket(),
            *options,
        ],
        environ,
        "/ping",
    ) as server:
        yield server


@contextlib.contextmanager
def granian(app: str, *options: str, environ: Mapping[str, str]) -> Iterator[Server]:
    """Serve an app with granian.

    :param app: a module of :mod:`benchmarks.apps`.
    :param options: of granian, such as ``--workers``, ``2``.
    :param environ: the app's settings.
    """
    command = [
        *(needed("granian"), "--interface", "wsgi", "--factory", "--port", "{port}"),
        *("--log-level", "warning", *options, f"benchmarks.apps.{app}:create_app"),
    ]
    with _served(command, environ, "/ping") as server:
        yield server


def _no_control_socket() -> Sequence[str]:
    from gunicorn.config import KNOWN_SETTINGS

    known = any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)
    return ["--no-control-socket"] if known else []


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Start a Redis server that keeps nothing.

    :return: its URL.
    :raises NotInstalled: there is none.
    """
    with _served(
        [needed("redis-server"), "--port", "{port}", "--save", "", "--appendonly", "no"],
        {},
        probe=None,
    ) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@contextlib.contextmanager
def node(
    folder: Path, script: str, *, environ: Mapping[str, str], version: int = 22
) -> Iterator[Server]:
    """Run one of the peers; it listens on ``PORT``.

    :param script: its file in the folder.
    :param version: of Node.js: 22, the least that AppKit asks for, or 26.
    """
    program = node_program(folder, version)
    settings = {"PORT": "{port}", "NODE_ENV": "production", **environ}
    with _served([str(program), script], settings, "/ping", folder=folder) as server:
        yield server


def node_program(folder: Path, version: int) -> Path:
    """Return the folder of a version of Node.js."""
    return folder / f"node_modules/node{version}/bin/node"


def needed(program: str) -> str:
    """Return the path of a program.

    :raises NotInstalled: there is none.
    """
    path = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if path is None:
        raise NotInstalled(f"{program} is not installed")
    return path


@contextlib.contextmanager
def _served(
    command: Sequence[str],
    environ: Mapping[str, str],
    probe: str | None,
    *,
    folder: Path | None = None,
) -> Iterator[Server]:
    port = free_port()
    inherited = {
        name: os.environ[name] for name in os.environ if not name.startswith(HOST_SETTINGS)
    }
    settings = {name: value.replace("{port}", str(port)) for name, value in environ.items()}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            env={**inherited, **settings},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        server = Server(process, port, log)
        try:
            _wait_for(server, probe)
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(server: Server, probe: str | None) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"a server has ended at once: {server.log[-500:]}")
        with contextlib.suppress(OSError, HTTPException):
            if probe is None:
                socket.create_connection(("127.0.0.1", server.port), 1).close()
                return
            if ask(server.port, probe, timeout=5)[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"a server has not answered in time: {server.log[-500:]}")


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> tuple[int, Message, bytes]:
    """Send a request over a connection of its own.

    :param path: with the query.
    :param body: JSON.
    :param headers: beside that of the body.
    :param timeout: seconds.
    :return: status, headers, body.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    sent = dict(headers or {})
    if body is not None:
        sent["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def warm(server: Server, path: str) -> None:
    """Let each worker of the extension's app answer once: its first call imports the SDK.

    :param path: of a view that calls the workspace.
    """
    cold = {str(pid) for pid in server.workers}
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while cold and time.monotonic() < deadline:
        _, headers, _ = ask(server.port, path)
        cold.discard(headers.get("X-Worker", ""))
