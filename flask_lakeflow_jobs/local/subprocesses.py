"""Programs that the workspace waits for, such as installers, with an end in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

#: The folder that runs as the program of each process of the workspace.
CHILD = Path(__file__).parent / "task_process"

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


#: Those of this process whose pipe may be open.
_supervised: WeakSet[SupervisedProcess] = WeakSet()


def _close_inherited_pipes() -> None:
    """Close the pipes in a forked child: while it lived, its parent could kill none of these."""
    for process in list(_supervised):
        process.kill_all()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_close_inherited_pipes)


class SupervisedProcess(subprocess.Popen[bytes]):
    """A process of the workspace in a session of its own.

    Its program gets the end of a pipe. When the other end closes, by :meth:`kill_all` or since this
    process dies, its supervisor kills it with all that it has started.

    :param program: the arguments of Python before that pipe.
    :param arguments: those behind it.
    :param pass_fds: files of this process that it gets.
    :param options: of ``Popen``.
    """

    def __init__(
        self,
        program: Sequence[str],
        arguments: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        **options: Any,
    ) -> None:
        lifeline, self._own_end = os.pipe()
        _supervised.add(self)
        try:
            super().__init__(
                [PYTHON, *program, str(lifeline), *arguments],
                start_new_session=True,
                pass_fds=(lifeline, *pass_fds),
                **{"stdin": subprocess.DEVNULL, **options},
            )
        except BaseException:
            self.kill_all()
            raise
        finally:
            os.close(lifeline)

    def kill_all(self) -> None:
        """Kill the process and all that it has started, without waiting for that."""
        if self._own_end >= 0:
            os.close(self._own_end)
            self._own_end = -1


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
    process = SupervisedProcess([str(CHILD), "--run"], command, pass_fds, **options)
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
        process.kill_all()
        process.wait()
