"""Several reads at a time, with a limit of time for all together.

They run in the caller's context. Once the caller no longer waits, no other read begins. A read that
has begun continues in its thread, within its own timeout, as its response is cached.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TypeVar

from ..concurrency import run_in_thread
from ..errors import LakeflowJobsError, UpstreamTimeout

T = TypeVar("T")
R = TypeVar("R")

#: The reads of one caller that run at the same time.
MAX_CONCURRENT_READS = 8

#: The same for outputs, of which the workspace allows 20 reads a second.
MAX_CONCURRENT_OUTPUT_READS = 4

#: Seconds between two checks whether the caller still waits.
CHECK_INTERVAL_SECONDS = 0.5


def read_all(
    read: Callable[[T], R],
    items: Sequence[T],
    seconds: float,
    check: Callable[[], None] = lambda: None,
) -> list[R]:
    """Read all items, which may be outputs. The first error ends it.

    :param check: called now and then; it raises if the caller no longer waits.
    :raises UpstreamTimeout: the time is up.
    """
    with _begin(read, items, MAX_CONCURRENT_OUTPUT_READS) as futures:
        left = seconds
        while True:
            done, others = wait(
                futures, min(left, CHECK_INTERVAL_SECONDS), return_when=FIRST_EXCEPTION
            )
            for each in done:
                each.result()  # raises its error
            if not others:
                return [future.result() for future in futures]
            left -= CHECK_INTERVAL_SECONDS
            if left <= 0:
                raise UpstreamTimeout(
                    f"The workspace did not send {len(items)} responses within {seconds:g} seconds."
                    " Try again: those that it sent are cached."
                )
            check()


def read_each(
    read: Callable[[T], R], items: Sequence[T], seconds: float
) -> list[R | LakeflowJobsError]:
    """Read items, and return the error of each that was not read, such as that the time is up."""

    def read_or_return_error(item: T) -> R | LakeflowJobsError:
        try:
            return read(item)
        except LakeflowJobsError as error:
            return error

    late = UpstreamTimeout(f"The workspace did not respond within {seconds:g} seconds.")
    with _begin(read_or_return_error, items, MAX_CONCURRENT_READS) as futures:
        done, _ = wait(futures, seconds)
        return [future.result() if future in done else late for future in futures]


@contextmanager
def _begin(
    read: Callable[[T], R], items: Sequence[T], max_threads: int
) -> Iterator[list[Future[R]]]:
    """Begin to read in threads; at the end of the block, no other read begins.

    An executor would hang on gevent 24, if its module was imported before the patch.
    """
    reads = [(Future[R](), copy_context(), item) for item in items]
    waiting = deque(reads)

    def run_waiting() -> None:
        with suppress(IndexError):  # none is left
            while True:
                future, context, item = waiting.popleft()
                try:
                    future.set_result(context.run(read, item))
                except BaseException as error:  # the caller raises it
                    future.set_exception(error)

    try:
        for _ in range(min(len(items), max_threads)):
            run_in_thread(run_waiting)
        yield [future for future, _, _ in reads]
    finally:
        waiting.clear()
