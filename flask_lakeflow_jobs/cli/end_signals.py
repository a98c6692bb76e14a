"""Signals that end a command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn


@contextmanager
def handle_end_signals(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Call a handler at Ctrl-C, SIGTERM and the end of the terminal.

    A signal that is ignored (``nohup``) or has a handler keeps it, and so do all signals in a
    thread, which cannot change them.
    """
    previous = {
        number: signal.getsignal(number)
        for name in ("SIGINT", "SIGHUP", "SIGTERM")
        if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    }
    for number in previous:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Treat the end of the terminal and SIGTERM as Ctrl-C, unless they are ignored or handled.

    :raises KeyboardInterrupt: one of them came.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    try:
        with handle_end_signals(interrupt):
            yield
    except RuntimeError:
        # After a signal between two steps of Condition.wait, leaving the block of its lock fails.
        if not received:
            raise
        raise KeyboardInterrupt from None
