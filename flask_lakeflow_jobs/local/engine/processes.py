"""The processes in which tasks run, each with everything that it starts, and their pool."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The part of a task's logs and of a notebook's result that the Jobs API returns.
MAX_OUTPUT_BYTES = 5 * 1024 * 1024

_CHILD = Path(__file__).parent.parent / "lakeflow_child"
_GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a task's process.

    :param outcome: the result file: ``result``, or ``error`` and ``error_trace``; ``values``.
    :param logs: the last part of the output.
    """

    outcome: dict[str, Any]
    logs: str
    logs_truncated: bool


class Lifeline:
    """A pipe that closes when this process dies. Every task's process watches it and follows."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def close(self) -> None:
        """End all processes that still watch the pipe."""
        os.close(self._write_end)
        os.close(self.read_end)


class TaskProcess:
    """A process that runs one task payload.

    :param folder: keeps the log and the result while the process runs.
    :param on_start: called once the process runs, from a thread of its own.
    :param on_exit: called once the process has ended, from the same thread.
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
        self._thread = threading.Thread(target=self._run, name=f"task {folder.name}", daemon=True)
        self.is_stopped = False

    def start(self) -> None:
        """Start the process without waiting for it. A process that is stopped ends at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the process to end, and kill it if it does not within a few seconds."""
        with self._lock:
            self.is_stopped = True
        self._signal(signal.SIGTERM)
        killer = threading.Timer(_GRACE_SECONDS, self._signal, (signal.SIGKILL,))
        killer.daemon = True
        killer.start()

    def kill(self) -> None:
        """Kill the process."""
        with self._lock:
            self.is_stopped = True
        self._signal(signal.SIGKILL)

    def join(self) -> None:
        """Wait until the process has ended and ``on_exit`` has returned."""
        if self._thread.ident is not None:
            self._thread.join()

    def read_logs(self) -> tuple[str, bool]:
        """Return the last part of the output, and whether it is truncated."""
        return _read_tail(self._folder / "log")

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
            # Processes that the task has started must not outlive it.
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
            if self.is_stopped:
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


class ProcessPool:
    """The processes of all tasks. It runs a limited number at once and queues the others."""

    def __init__(self, limit: int) -> None:
        self.lifeline = Lifeline()
        self._limit = limit
        self._lock = threading.Lock()
        self._running: set[TaskProcess] = set()
        self._queued: deque[TaskProcess] = deque()

    def start(self, process: TaskProcess) -> bool:
        """Start a process, or queue it.

        :return: whether the process was started.
        """
        with self._lock:
            if len(self._running) >= self._limit:
                self._queued.append(process)
                return False
            self._running.add(process)
        process.start()
        return True

    def stop(self, process: TaskProcess) -> None:
        """Stop a process. A queued one ends at once."""
        process.stop()
        with self._lock:
            if process not in self._queued:
                return
            self._queued.remove(process)
        process.start()

    def release(self, process: TaskProcess) -> None:
        """Start the next queued process in place of one that has ended."""
        following = None
        with self._lock:
            self._running.discard(process)
            if self._queued and len(self._running) < self._limit:
                following = self._queued.popleft()
                self._running.add(following)
        if following is not None:
            following.start()

    def close(self) -> None:
        """Kill all processes and wait for their end."""
        with self._lock:
            self._queued.clear()
            running = list(self._running)
        for process in running:
            process.kill()
        for process in running:
            process.join()
        self.lifeline.close()


def _describe_exit(process: subprocess.Popen[bytes] | None) -> str:
    if process is None:
        return "The task was stopped before its process started."
    code = process.returncode
    if code < 0:
        with suppress(ValueError):
            return f"The task's process was ended by the signal {signal.Signals(-code).name}."
    return f"The task's process ended with exit code {code} before the code had finished."


def _read_tail(path: Path) -> tuple[str, bool]:
    """Return the last 5 MB of a file as text, and whether the file is longer."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MAX_OUTPUT_BYTES))
            return file.read(MAX_OUTPUT_BYTES).decode(errors="replace"), size > MAX_OUTPUT_BYTES
    except OSError:
        return "", False
