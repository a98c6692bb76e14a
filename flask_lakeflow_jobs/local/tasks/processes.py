"""The processes in which tasks run, with all that they start, their services and their pool."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ..environment import drop_credentials
from ..subprocesses import CHILD, Stopped, SupervisedProcess
from .logs import TaskLogPart, read_growing, read_tail
from .packages import InstallFailed, Packages
from .redaction import SecretRedactor
from .spark import Spark
from .work import ProcessWork

#: Processes that run at once.
MAX_PROCESSES = max(8, 4 * (os.cpu_count() or 1))

_log = logging.getLogger("flask_lakeflow_jobs.local")

_GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a task's process.

    :param outcome: the result file: ``result``, or ``error`` and ``error_trace``; ``values``.
    :param logs: the last part of the output.
    :param logs_start: its position, see :func:`.position_of_stored`.
    """

    outcome: dict[str, Any]
    logs: str
    logs_truncated: bool
    logs_start: int = 0


class TaskProcess:
    """A process that runs one task payload.

    :param folder: keeps the log and the result while the process runs.
    :param secrets: returns the values to redact, which may become more while the process runs.
    :param prepare: starts the services that the process needs and returns further variables of its
        environment; called from a thread of its own. It receives a function that returns whether
        the process has been stopped meanwhile.
    :param on_start: called once the process runs, from the same thread.
    :param on_exit: called once the process has ended, from the same thread.
    """

    def __init__(
        self,
        payload: Mapping[str, Any],
        folder: Path,
        environment: Mapping[str, str],
        secrets: Callable[[], frozenset[str]],
        prepare: Callable[[Callable[[], bool]], Mapping[str, str]],
        on_start: Callable[[], None],
        on_exit: Callable[[Exit], None],
    ) -> None:
        self._payload = payload
        self._folder = folder
        self._environment = environment
        self._prepare = prepare
        self._secrets = secrets
        self._on_start = on_start
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._process: SupervisedProcess | None = None
        self._thread = threading.Thread(target=self._run, name=f"task {folder.name}", daemon=True)
        self.is_stopped = False

    def start(self) -> None:
        """Start the process without waiting for it. A process that is stopped ends at once."""
        try:
            self._thread.start()
        except RuntimeError as error:  # too many threads
            failure = {"error": f"The task's process could not be started: {error}."}
            self._on_exit(Exit(failure, "", logs_truncated=False))

    def stop(self) -> None:
        """Ask the process to end, and kill it if it does not within a few seconds."""
        with self._lock:
            self.is_stopped = True
        self._signal(signal.SIGTERM)
        killer = threading.Timer(_GRACE_SECONDS, self.kill)
        killer.daemon = True
        killer.start()

    def kill(self) -> None:
        """Kill the process and everything that it has started."""
        with self._lock:
            self.is_stopped = True
            if self._process is not None:
                self._process.kill_all()
        self._signal(signal.SIGCONT)  # its supervisor may be suspended

    def join(self) -> None:
        """Wait until the process has ended and ``on_exit`` has returned."""
        if self._thread.ident is not None:
            self._thread.join()

    def read_logs(self) -> tuple[str, bool]:
        """Return the last part of the output, and whether it is truncated."""
        return read_tail(self._folder / "log", self._redactor, has_ended=False)[:2]

    def read_log_part(self, offset: int, limit: int) -> TaskLogPart:
        """Return a part of the output so far; see :func:`.read_growing`."""
        return read_growing(self._folder / "log", self._redactor, offset, limit)

    @property
    def _redactor(self) -> SecretRedactor:
        return _build_redactor(self._secrets())

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def _run(self) -> None:
        failure: dict[str, Any] | None = None
        try:
            if not self.is_stopped and self._spawn():
                self._on_start()
        except Stopped:
            pass
        except InstallFailed as error:
            failure = {"error": str(error)}
        except OSError as error:
            failure = {"error": f"The task's process could not be started: {error}."}
        except Exception as error:  # without its end, the run of the task would never end
            _log.exception("The process of task %s could not be started", self._folder.name)
            failure = {"error": f"The task's process could not be started: {error!r}."}
        process = self._process
        if process is not None:
            process.wait()
            # The supervisor has ended everything, unless it was killed itself.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with self._lock:
                process.kill_all()
        outcome = self._redactor.redact(failure) if failure else self._read_outcome()
        tail = read_tail(self._folder / "log", self._redactor, has_ended=True)
        self._on_exit(Exit(outcome, *tail))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> bool:
        environment = {**self._environment, **self._prepare(lambda: self.is_stopped)}
        self._folder.mkdir(exist_ok=True)
        payload = {**self._payload, "result_file": str(self._folder / "result.json")}
        payload_file = self._folder / "payload.json"
        payload_file.write_text(json.dumps(payload))
        with self._lock, open(self._folder / "log", "wb") as log:
            if self.is_stopped:
                return False
            self._process = SupervisedProcess(
                [str(CHILD), str(payload_file)],
                cwd=self._payload["folder"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return True

    def _read_outcome(self) -> dict[str, Any]:
        try:
            outcome = dict(json.loads((self._folder / "result.json").read_bytes()))
        except (OSError, ValueError):
            return {"error": _describe_exit(self._process, self._folder)}
        # Later tasks may need the values that this one has set; they are no part of its output.
        values = outcome.pop("values", {})
        return {**self._redactor.redact(outcome), "values": values}


@dataclass(frozen=True, slots=True)
class TaskProcessFactory:
    """Create task processes with their environment, packages and Spark.

    :param environment: returns the environment of a process.
    :param secrets: returns the values that are redacted in the output of a process.
    """

    environment: Callable[[], Mapping[str, str]]
    secrets: Callable[[], frozenset[str]]
    packages: Packages
    spark: Spark

    def create_process(
        self,
        work: ProcessWork,
        folder: Path,
        on_start: Callable[[], None],
        on_exit: Callable[[Exit], None],
    ) -> TaskProcess:
        """Create the process of a task, which uses the services once it starts."""
        environment = self.environment()
        return TaskProcess(
            work.payload,
            folder,
            environment,
            self.secrets,
            prepare=partial(self.install_and_start_spark, work, environment),
            on_start=on_start,
            on_exit=on_exit,
        )

    def install_and_start_spark(
        self, work: ProcessWork, environment: Mapping[str, str], is_stopped: Callable[[], bool]
    ) -> dict[str, str]:
        """Install the packages of a task, and start Spark for it.

        :param is_stopped: returns whether the task has been stopped.
        :return: further variables of its environment.
        :raises InstallFailed: a package cannot be installed.
        :raises Stopped: the task has been stopped.
        """
        without = drop_credentials(environment)
        self.packages.install(work.requirements, without, is_stopped)
        return self.spark.acquire(work.payload, without, is_stopped)


class ProcessPool:
    """The processes of all tasks. It runs a limited number at once and queues the others."""

    def __init__(self, limit: int) -> None:
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


@lru_cache(maxsize=1)  # a log is read again and again
def _build_redactor(secrets: frozenset[str]) -> SecretRedactor:
    return SecretRedactor(secrets)


def _describe_exit(process: subprocess.Popen[bytes] | None, folder: Path) -> str:
    if process is None:
        return "The task was stopped before its process started."
    code = process.returncode
    if code < 0:
        with suppress(ValueError):
            return f"The task's process was ended by the signal {signal.Signals(-code).name}."
    if code == os.EX_IOERR:
        return (
            f"The result of the task could not be written to {folder.parent}. Make room on its "
            "disk, then repair the run."
        )
    return f"The task's process ended with exit code {code} before the code had finished."
