"""The Sail server of a workspace: one process, which opens a listener for each run."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..subprocesses import CHILD, POLL_SECONDS, Stopped, SupervisedProcess, never_stopped
from ..task_process.spark.session.sail import add_catalogs
from .catalogs import BUILT_IN_CATALOGS

#: The program that serves Spark, and its arguments.
SAIL_ARGUMENTS = (str(CHILD), "--sail")

_ANSWER_TIMEOUT_SECONDS = 60.0  # it starts with the first request
_SESSION_TIMEOUT_SECONDS = 24 * 60 * 60  # the next task of a long run may come late
_MAX_LOG_BYTES = 1024 * 1024
_SETTINGS = {
    # Rows keep their order, and most files are whole: Spark reads and writes a small file so.
    # Several partitions would return them in any order. A task with much data may set them
    # otherwise.
    "SAIL_EXECUTION__BATCH_SIZE": "65536",
    "SAIL_EXECUTION__DEFAULT_PARALLELISM": "1",
    # For frames of as many steps as pyspark takes. By default, about 260 of them end the server.
    "SAIL_RUNTIME__STACK_SIZE": str(64 * 1024 * 1024),
}


class SparkUnavailable(RuntimeError):
    """The Sail server does not start. The message says why, and what to do."""


@dataclass(frozen=True, eq=False, slots=True)
class Listener:
    """A port on which a server answers, with sessions of its own.

    :param catalogs: those that its sessions know.
    :param session: the session that the tasks of a run share.
    """

    port: int
    catalogs: frozenset[str]
    session: uuid.UUID

    @property
    def is_open(self) -> bool:
        """True while something listens."""
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        return False


class SailServer:
    """A process that answers Spark Connect on the loopback interface.

    It ends with this process, also if that is killed. Its methods must not be called at once.

    :param folder: keeps its log and its working files.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._requests = 0
        self._received = b""
        self._log = folder / "server.log"
        for outdated in folder.glob("session-*.json"):
            outdated.unlink(missing_ok=True)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        self._log.write_bytes(b"")
        # Appending, so that it can be cut meanwhile.
        with open(self._log, "ab") as log:
            self._process = SupervisedProcess(
                SAIL_ARGUMENTS,
                cwd=folder,
                env={**_SETTINGS, **environment, "RUST_LOG": "warn"},
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._input: Any = self._process.stdin
        self._output: Any = self._process.stdout

    def open(
        self, catalogs: Iterable[str], is_stopped: Callable[[], bool] = never_stopped
    ) -> Listener:
        """Open a listener. Catalogs are fixed as it opens, since Sail cannot create them later.

        :raises SparkUnavailable: the process ends, or does not answer in time.
        :raises Stopped: ``is_stopped`` returned true meanwhile.
        """
        session = uuid.uuid4()
        settings = {
            "SAIL_EXECUTION__CHECKPOINT__PATH": str(self._checkpoints(session)),
            "SAIL_CATALOG__DEFAULT_CATALOG": BUILT_IN_CATALOGS[0],
            "SAIL_CATALOG__LIST": add_catalogs("", sorted(catalogs)),
            "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(_SESSION_TIMEOUT_SECONDS),
        }
        answer = self._ask({"open": settings}, is_stopped)
        return Listener(answer["port"], frozenset(catalogs), session)

    def close(self, listener: Listener) -> None:
        """Close a listener and remove the files of its session."""
        self._ask({"close": listener.port}, never_stopped)
        (self._folder / f"session-{listener.session}.json").unlink(missing_ok=True)
        shutil.rmtree(self._checkpoints(listener.session), ignore_errors=True)
        if self._log.stat().st_size > _MAX_LOG_BYTES:
            os.truncate(self._log, 0)

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill_all()
        for pipe in (self._input, self._output):
            pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def _checkpoints(self, session: uuid.UUID) -> Path:
        return self._folder / "checkpoints" / str(session)

    def _ask(self, request: dict[str, Any], is_stopped: Callable[[], bool]) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        number = self._send(request)
        deadline = time.monotonic() + _ANSWER_TIMEOUT_SECONDS
        while True:
            answer = self._receive(is_stopped, deadline)
            if answer["number"] == number:
                return answer
            if "port" in answer:  # the listener of a task that was stopped before the answer came
                self._send({"close": answer["port"]})

    def _send(self, request: dict[str, Any]) -> int:
        self._requests += 1
        line = json.dumps({**request, "number": self._requests}).encode() + b"\n"
        with suppress(BrokenPipeError):  # the missing answer shows that the process has ended
            self._input.write(line)
        return self._requests

    def _receive(self, is_stopped: Callable[[], bool], deadline: float) -> dict[str, Any]:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        while b"\n" not in self._received:
            if is_stopped():
                raise Stopped
            piece = self._output.read(4096) if poll.poll(POLL_SECONDS * 1000) else None
            if piece == b"" or time.monotonic() > deadline:
                raise SparkUnavailable(
                    "The Sail server, which runs Spark in the local workspace, did not start or "
                    f"has ended. Its log: {self._log}. Reinstall it with: pip install "
                    "--force-reinstall pysail."
                )
            self._received += piece or b""
        line, _, self._received = self._received.partition(b"\n")
        return dict(json.loads(line))
