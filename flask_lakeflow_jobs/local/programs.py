"""Programs that the workspace waits for, such as installers, with an end in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: The folder that runs as the program of each process of the workspace.
CHILD = Path(__file__).parent / "lakeflow_child"

#: Seconds after which a thread that waits looks whether it still has to.
POLL_SECONDS = 0.1


def find_python(executable: str, prefix: str) -> str:
    """Return the interpreter of the environment of this process.

    :param executable: ``sys.executable``. In uWSGI, that is the server.
    :param prefix: ``sys.prefix``.
    """
    is_python = Path(executable).name.lower().startswith(("python", "pypy"))
    found = Path(prefix, "bin", "python3")
    return executable if is_python or not found.exists() else str(found)


#: The interpreter that runs what the workspace starts.
PYTHON = find_python(sys.executable or "", sys.prefix)


class Stopped(Exception):
    """The result is not needed any more."""


class Lifeline:
    """A pipe that is closed to kill a process, and that closes when this process dies."""

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()

    @contextmanager
    def passed(self) -> Iterator[int]:
        """Give the other end to a process that the body starts; none starts if the body fails."""
        try:
            yield self._read_end
        except BaseException:
            self.cut()
            raise
        finally:
            os.close(self._read_end)

    def cut(self) -> None:
        """Close this process's end of the pipe."""
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1


def never_stopped() -> bool:
    """Let a program run until it ends or its time is up."""
    return False


def run_program(
    command: Sequence[str],
    seconds: float,
    is_stopped: Callable[[], bool] = never_stopped,
    pass_fds: Sequence[int] = (),
    **options: Any,
) -> int:
    """Run a program, kill what it has left running, and return its exit code.

    It ends with this process, also if that is killed.

    :param seconds: its time limit.
    :param pass_fds: files of this process that it gets.
    :param options: of ``Popen``. Let it write into files: a pipe stays open as long as a child of
        the program does.
    :raises TimeoutExpired: its time is up.
    :raises Stopped: ``is_stopped`` returned true.
    """
    deadline = time.monotonic() + seconds
    lifeline = Lifeline()
    with lifeline.passed() as end:
        process = subprocess.Popen(
            [PYTHON, str(CHILD), "--run", str(end), *command],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(end, *pass_fds),
            **options,
        )
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_SECONDS)
            if is_stopped():
                raise Stopped
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(command, seconds)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        lifeline.cut()
        process.wait()
