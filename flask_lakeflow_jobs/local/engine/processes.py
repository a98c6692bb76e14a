"""The processes in which tasks run: started, watched and ended, together with all that they
start.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT_LIMIT = (
    5 * 1024 * 1024
)  # bytes of logs and of a notebook's result that the Jobs API hands out

_CHILD = Path(__file__).parent.parent / "lakeflow_child"
_GRACE = 5.0  # seconds between asking a task to stop and killing it


@dataclass(frozen=True, slots=True)
class Exit:
    """How a task's process ended.

    :param outcome: what it wrote down: ``result``, or ``error`` and ``error_trace``; ``values``.
    :param logs: the last part of what it printed.
    """

    outcome: dict[str, Any]
    logs: str
    logs_truncated: bool


class Lifeline:
    """A pipe that closes when this process dies, however it dies; every task's process watches
    it.
    """

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def close(self) -> None:
        """Let go: all processes that still watch end themselves."""
        os.close(self._write_end)
        os.close(self.read_end)


class TaskProcess:
    """A process that carries out one task payload.

    :param folder: where its log and its result are kept while it runs.
    :param on_start: called when it runs, from a thread of its own.
    :param on_exit: called when it has ended, from the same thread.
    """

    def __init__(
        self,
        payload: Mapping[str, Any],
        folder: Path,
        environment: Mapping[str, str],
        lifeline: Lifeline,
        on_start: Callable[[], None],
        on_exit: Callable[[Exit], None],
    ) -> None:
        self._payload = payload
        self._folder = folder
        self._environment = environment
        self._lifeline = lifeline
        self._on_start = on_start
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"task {folder.name}", daemon=True)

    def start(self) -> None:
        """Start the process, without waiting for it."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the process to end, and kill it if it does not within a few seconds."""
        with self._lock:
            self._stopped = True
        self._signal(signal.SIGTERM)
        killer = threading.Timer(_GRACE, self._signal, (signal.SIGKILL,))
        killer.daemon = True
        killer.start()

    def kill(self) -> None:
        """End the process now."""
        with self._lock:
            self._stopped = True
        self._signal(signal.SIGKILL)

    def join(self) -> None:
        """Wait until the process has ended and its end has been reported."""
        if self._thread.ident is not None:
            self._thread.join()

    def read_logs(self) -> tuple[str, bool]:
        """The last part of what has been printed, and whether there was more before it."""
        return read_tail(self._folder / "log")

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def _run(self) -> None:
        failure: dict[str, Any] | None = None
        try:
            if self._spawn():
                self._on_start()
        except OSError as error:
            failure = {"error": f"The task's process could not be started: {error}."}
        process = self._process
        if process is not None:
            process.wait()
            # What the task has started must not outlive it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        outcome = failure or self._read_outcome()
        logs, truncated = self.read_logs()
        self._on_exit(Exit(outcome, logs, truncated))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> bool:
        self._folder.mkdir(exist_ok=True)
        payload = {
            **self._payload,
            "result_file": str(self._folder / "result.json"),
            "lifeline": self._lifeline.read_end,
        }
        payload_file = self._folder / "payload.json"
        payload_file.write_text(json.dumps(payload))
        with self._lock, open(self._folder / "log", "wb") as log:
            if self._stopped:
                return False
            self._process = subprocess.Popen(
                [sys.executable, str(_CHILD), str(payload_file)],
                cwd=self._payload["folder"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._lifeline.read_end,),
                start_new_session=True,
            )
        return True

    def _read_outcome(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self._folder / "result.json").read_bytes()))
        except (OSError, ValueError):
            return {"error": _describe_exit(self._process)}


def _describe_exit(process: subprocess.Popen[bytes] | None) -> str:
    if process is None:
        return "The task was stopped before its process started."
    code = process.returncode
    if code < 0:
        with suppress(ValueError):
            return f"The task's process was ended by the signal {signal.Signals(-code).name}."
    return f"The task's process ended with exit code {code} before the code had finished."


def read_tail(path: Path) -> tuple[str, bool]:
    """The last 5 MB of a file as text, and whether there is more before them."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - OUTPUT_LIMIT))
            return file.read(OUTPUT_LIMIT).decode(errors="replace"), size > OUTPUT_LIMIT
    except OSError:
        return "", False
