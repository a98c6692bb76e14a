"""Keeps everything that a task starts within reach, and ends all of it with the task."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h


def supervise(lifeline: int) -> None:
    """Return in a new process, which runs the task; this process waits for its end.

    Then, or when the lifeline closes, it kills every process that the task has started. On Linux
    this includes those in sessions of their own, and those whose parents have ended: this process
    becomes the parent of them. It ends in the same way as the task did.

    :param lifeline: the end of a pipe that the workspace closes to kill the task, or by its death.
    """
    _become_reaper()
    signals, wakeup = os.pipe()
    for end in (signals, wakeup):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # A SIGTERM is for the task, which is in the same group. This process never unblocks it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    task = os.fork()
    if task == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (lifeline, signals, wakeup):
            os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return
    if signal.SIGTERM in signal.sigpending():  # it may have come before the task existed
        os.kill(task, signal.SIGTERM)
    status = _wait(task, lifeline, signals)
    _kill_children()
    if status is None:
        os.killpg(0, signal.SIGKILL)
    else:
        _end_like(status)


def run_supervised(lifeline: int, command: list[str]) -> None:
    """Run a program in place of a task."""
    supervise(lifeline)
    try:
        os.execvp(command[0], command)  # noqa: S606 (nothing is left to a shell)
    except OSError as error:
        sys.exit(f"{command[0]} does not start: {error}")


def _become_reaper() -> None:
    # The task pays for this import, 2 ms, since it must not start a process before.
    import ctypes

    with suppress(OSError, AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(task: int, lifeline: int, signals: int) -> int | None:
    """Wait for the end of the task and return its status; ``None`` if the lifeline closes first."""
    poll = select.poll()
    for descriptor in (lifeline, signals):
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == lifeline:
                return None
            os.read(signals, 4096)
        while True:
            # Among them are processes that the task has started and that have lost their parents.
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == task:
                return status
            if ended == 0:
                break


def _kill_children() -> None:
    """Kill all children; as theirs become this process's own, repeat that until none is left."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        killed = 0
        for child in _list_children():
            with suppress(ProcessLookupError, PermissionError):  # it may run as another user
                os.kill(child, signal.SIGKILL)
                killed += 1
        if not killed:
            return
        os.waitpid(-1, 0)


def _list_children() -> list[int]:
    own = str(os.getpid()).encode()
    children = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            # pid (name) state parent …; the name may contain anything
            if file.read().rpartition(b")")[2].split()[1] == own:
                children.append(int(name))
    return children


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
