"""A limit to how long a piece of the user's code may run."""

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
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise ``TimeoutError`` in the block when its time is up.

    Only the main thread can be interrupted; in others the block runs on.

    :param seconds: 0: no limit.
    :param what: names the code in the error.
    """
    left, _ = signal.getitimer(signal.ITIMER_REAL)  # of a block around this one
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or seconds <= 0 or 0 < left <= seconds:
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{what} has not ended within {seconds:g} seconds.")

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001))
