"""A time limit for a block of the user's code."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def time_limit(seconds: float, subject: str) -> Iterator[None]:
    """Raise ``TimeoutError`` in the block when its time is up.

    Only the main thread can be interrupted; other threads have no limit.

    :param seconds: 0: no limit.
    :param subject: names the code in the error.
    """
    outer_remaining, _ = signal.getitimer(signal.ITIMER_REAL)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or seconds <= 0 or 0 < outer_remaining <= seconds:
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{subject} did not end within {seconds:g} seconds.")

    start = time.monotonic()
    outer_handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        if outer_remaining:
            elapsed = time.monotonic() - start
            signal.setitimer(signal.ITIMER_REAL, max(outer_remaining - elapsed, 0.001))
