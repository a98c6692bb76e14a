"""Reads that a response can do without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context

from ..errors import LakeflowJobsError

#: Seconds that a response waits for all of them. They take far less, except in an outage.
MAX_SECONDS = 3.0

#: Concurrent reads.
MAX_THREADS = 8


def read_in_time(reads: Sequence[Callable[[], None]], seconds: float = MAX_SECONDS) -> bool:
    """Make reads concurrently, in the caller's context, and stop waiting when the time is up.

    A read that has begun continues in its thread: what it reads is in the cache for the next page.

    :param reads: each stores its result itself. Errors of this package are ignored.
    :return: whether all have ended.
    """
    if not reads:
        return True
    threads = ThreadPoolExecutor(min(len(reads), MAX_THREADS))
    try:
        futures = [threads.submit(copy_context().run, _ignore_errors, read) for read in reads]
        done, late = wait(futures, seconds)
        for each in done:
            each.result()  # raises what is a mistake of ours
        return not late
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _ignore_errors(read: Callable[[], None]) -> None:
    with suppress(LakeflowJobsError):
        read()
