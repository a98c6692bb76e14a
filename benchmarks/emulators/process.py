"""Running emulators: how to start, ask, inspect and kill them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from ..servers import HOST_SETTINGS, TIMEOUT_SECONDS, NotInstalled, free_port, is_running, memory_of
from .kinds import Emulator

_ROOT = Path(__file__).parents[2]
_NOT_SOURCES = (".*", "tests", "docs", "build", "dist", "*.egg-info", "__pycache__", "instance")
#: Marks the processes of an emulator, with all that they start.
_MARK = "BENCHMARKED_EMULATOR"
_PAUSE = 0.003


@dataclass
class Running:
    """An emulator that runs.

    :param seconds: from its start to its first answer.
    :param children: its descendants when it was killed, which may have another parent now.
    """

    emulator: Emulator
    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    mark: str
    seconds: float = 0.0
    children: set[int] = field(default_factory=set)

    @property
    def token(self) -> str:
        """The token of the local workspace; the others take any."""
        with contextlib.suppress(OSError):
            return str(json.loads((self.folder / "workspace/identity.json").read_text())["token"])
        return "any"

    @property
    def pids(self) -> list[int]:
        """The ids of its processes: its descendants, and all that inherited its environment."""
        entry = f"{_MARK}={self.mark}".encode()
        found = {self.process.pid, *self.children} if self.process.poll() is None else set()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                pid = int(path.name)
                if parent_of(pid) in found or entry in (path / "environ").read_bytes():
                    found.add(pid)
        return sorted(pid for pid in found | self.children if is_running(pid))

    @property
    def memory(self) -> int:
        """KiB of resident memory of all its processes."""
        return sum(map(memory_of, self.pids))

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            return send(connection, self.token, method, path, body)
        finally:
            connection.close()

    def wait_for_answer(self, began: float) -> None:
        """Wait until it answers, and note how long that took."""
        deadline = began + 2 * TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotInstalled(f"{self.emulator.name} ended with {self.process.returncode}")
            with contextlib.suppress(OSError, HTTPException):
                connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
                connection.request("GET", "/api/2.2/jobs/list")
                status = connection.getresponse().status
                connection.close()
                if status != 503:
                    self.seconds = time.monotonic() - began
                    return
            time.sleep(_PAUSE)
        raise NotInstalled(f"{self.emulator.name} did not answer")

    def kill(self) -> None:
        """Kill its main process, as a machine without memory does."""
        self.children = {*self.pids} - {self.process.pid}
        self.process.kill()
        self.process.wait()

    def remaining(self, timeout: float) -> int:
        """Return how many of its processes are left, after some seconds at most."""
        deadline = time.monotonic() + timeout
        while (pids := self.pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(pids)

    def remove(self) -> None:
        """End all its processes."""
        for pid in self.pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if there is none."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def send(
    connection: HTTPConnection, token: str, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    """Send a request on an open connection; return the status and the JSON of the answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    text = answer.read()
    with contextlib.suppress(ValueError):
        return answer.status, json.loads(text)
    return answer.status, text


def install(emulator: Emulator, scratch: Path) -> Path:
    """Return the environment of an emulator, made at the first call.

    :raises NotInstalled: it cannot be installed.
    """
    folder = scratch / "emulators" / emulator.name.replace(" ", "-").lower()
    done = folder / "installed"
    wanted = emulator.requirement or f"{_copy_sources(scratch)}[local,sql]"
    if done.exists() and emulator.requirement:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    command = (
        [uv, "pip", "install", "--python", python, wanted]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install", wanted]
    )
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise NotInstalled(f"{emulator.name} was not installed: {finished.stderr[-300:]}")
    done.touch()
    return folder


def _copy_sources(scratch: Path) -> Path:
    """Copy this project, so that its build leaves nothing in the working tree."""
    target = scratch / "emulators" / "sources"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(_ROOT, target, ignore=shutil.ignore_patterns(*_NOT_SOURCES))
    return target


def installed_bytes(folder: Path) -> int:
    """Return the size of the files in an environment, without compiled code."""
    return sum(
        path.lstat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    )


@contextlib.contextmanager
def start(emulator: Emulator, environment: Path, folder: Path) -> Iterator[Running]:
    """Start an emulator, and wait for its first answer.

    :param folder: its data; those of an earlier start are found again.
    """
    port, mark = free_port(), uuid.uuid4().hex
    values = {
        "python": str(environment / "bin" / "python"),
        "bin": str(environment / "bin"),
        "folder": str(folder),
        "port": str(port),
    }
    inherited = {
        name: os.environ[name] for name in os.environ if not name.startswith(HOST_SETTINGS)
    }
    settings = {name: text.format(**values) for name, text in emulator.environ.items()}
    environ = {**inherited, **settings, _MARK: mark}
    if emulator.prepare and not (folder / "workspace").exists():
        prepare = [part.format(**values) for part in emulator.prepare]
        subprocess.run(prepare, env=environ, check=True, capture_output=True)
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [part.format(**values) for part in emulator.command],
            env=environ,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        running = Running(emulator, process, folder, port, mark)
        try:
            running.wait_for_answer(began)
            yield running
        finally:
            running.remove()
