"""Simultaneous reads of one response share one request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from cachelib import NullCache

from flask_lakeflow_jobs import LakeflowJobsError, NotAllowed
from flask_lakeflow_jobs.upstream.read_cache import ReadCache
from tests.support import DEADLINE, run_python, wait_until
from tests.upstream.reads import KEY, Reads, SharedMemory


class HeldFetch:
    """A fetch that waits until it is released, then returns or raises its result."""

    def __init__(self, result: object) -> None:
        self.result = result
        self.began = threading.Event()
        self.released = threading.Event()
        self.requests = 0

    def __call__(self) -> object:
        self.requests += 1
        self.began.set()
        assert self.released.wait(DEADLINE)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class Interrupted(Exception):
    """Raised by a signal handler in the reading thread."""


InThreads = Callable[..., list[threading.Thread]]


def read_together(
    reads: Reads, held: HeldFetch, in_threads: InThreads, *, readers: int
) -> list[object]:
    """Read with one thread that fetches, and others that wait for it."""
    results: list[object] = []

    def read(fetch: Callable[[], object]) -> None:
        try:
            results.append(reads.cache.read(KEY, fetch, lambda _: False).value)
        except (LakeflowJobsError, Interrupted) as error:
            results.append(error)

    threads = in_threads(lambda: read(held))
    assert held.began.wait(DEADLINE)
    entered = threading.Semaphore(0)

    def follow() -> None:
        entered.release()
        read(reads.fetch)

    threads += in_threads(*[follow] * readers)
    for _ in range(readers):
        assert entered.acquire(timeout=DEADLINE)
    wait_until(lambda: _waiters(reads) == readers, "Waiting readers")
    held.released.set()
    for thread in threads:
        thread.join(DEADLINE)
    return results


def _waiters(reads: Reads) -> int:
    (future,) = reads.cache._in_flight.values()
    return len(future._condition._waiters)  # type: ignore[attr-defined]


def test_simultaneous_reads_share_one_request(reads: Reads, in_threads: InThreads) -> None:
    held = HeldFetch("response")
    assert read_together(reads, held, in_threads, readers=5) == ["response"] * 6
    assert (held.requests, reads.requests) == (1, 0)


def test_simultaneous_reads_share_an_error(reads: Reads, in_threads: InThreads) -> None:
    error = NotAllowed("No.")
    assert read_together(reads, HeldFetch(error), in_threads, readers=2) == [error] * 3
    assert reads.requests == 0


def test_interrupted_read_does_not_interrupt_the_reads_that_wait_for_it(
    reads: Reads, in_threads: InThreads
) -> None:
    results = read_together(reads, HeldFetch(Interrupted()), in_threads, readers=3)
    assert sorted(type(result).__name__ for result in results) == ["Interrupted", *["int"] * 3]


@pytest.mark.parametrize("is_own", [True, False])
def test_read_after_a_write_does_not_wait_for_one_before_it(
    in_threads: InThreads, is_own: bool
) -> None:
    """After one of its own even without a store, and after one of another process."""
    backend = NullCache() if is_own else SharedMemory()
    reads, held = Reads(backend=backend), HeldFetch("earlier")
    writer = reads if is_own else Reads(backend=backend)
    (earlier,) = in_threads(lambda: reads.cache.read(KEY, held, lambda _: False))
    assert held.began.wait(DEADLINE)

    writer.cache.invalidate(KEY.job)

    assert reads.read().value == 1
    held.released.set()
    earlier.join(DEADLINE)


FORKING = """
import os, sys, threading
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.upstream.read_cache import ReadCache
from flask_lakeflow_jobs.upstream.response_store import CacheKey
from cachelib import NullCache, SimpleCache
from types import SimpleNamespace

cache = ReadCache(SharedCache(SimpleCache()), SystemClock(), final_ttl=60)
key = CacheKey(APP, SimpleNamespace(job_id=7), "run:1")
began, may_end = threading.Event(), threading.Event()

def fetch():
    began.set()
    may_end.wait(120)
    return {}

thread = threading.Thread(target=cache.read, args=(key, fetch, bool))
thread.start()
began.wait(120)
child = os.fork()
if child == 0:
    os._exit(0 if cache.read(key, lambda: {"a": 1}, bool).value == {"a": 1} else 1)
may_end.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_forked_child_does_not_wait_for_a_read_of_its_parent() -> None:
    run_python(FORKING)


def test_reader_that_a_signal_interrupts_before_its_request_blocks_no_other(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_leader, interrupts = ReadCache._get_leader, [SystemExit()]

    def interrupted(*arguments: Any) -> Any:
        leader = get_leader(*arguments)
        if interrupts:
            raise interrupts.pop()
        return leader

    monkeypatch.setattr(ReadCache, "_get_leader", interrupted)
    with pytest.raises(SystemExit):
        reads.read()
    assert reads.cache._in_flight == {}
