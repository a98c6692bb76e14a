"""Programs that the workspace waits for, such as installers, with an end in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

#: Seconds after which a thread that waits looks whether it still has to.
POLL_SECONDS = 0.1


class Stopped(Exception):
    """The result is not needed any more."""


def never_stopped() -> bool:
    """Let a program run until it ends or its time is up."""
    return False


def run_program(
    command: Sequence[str],
    seconds: float,
    is_stopped: Callable[[], bool] = never_stopped,
    **options: Any,
) -> int:
    """Run a program, kill what it has left running, and return its exit code.

    :param seconds: its time limit.
    :param options: of ``Popen``. Let it write into files: a pipe stays open as long as a child of
        the program does.
    :raises TimeoutExpired: its time is up.
    :raises Stopped: ``is_stopped`` returned true.
    """
    deadline = time.monotonic() + seconds
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
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
        process.wait()
