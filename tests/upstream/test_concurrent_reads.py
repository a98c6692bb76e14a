"""Concurrent reads: their limits of time and of threads, and what they leave behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from flask_lakeflow_jobs import LakeflowJobsError, NotAllowed, UpstreamTimeout
from flask_lakeflow_jobs.upstream.concurrent_reads import (
    MAX_CONCURRENT_OUTPUT_READS,
    MAX_CONCURRENT_READS,
    read_all,
    read_each,
)
from tests.support import DEADLINE, refuse_threads, run_python

NAME = ContextVar("NAME", default="")

MANY = range(1000)


@pytest.fixture
def may_end() -> Iterator[threading.Event]:
    """The event that hanging reads wait for, which is set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("read_some", [read_all, read_each])
def test_results_are_in_the_order_of_the_items(read_some: Any) -> None:
    assert read_some(abs, [-2, 1, -3], DEADLINE) == [2, 1, 3]
    assert read_some(abs, [], DEADLINE) == []


@pytest.mark.parametrize("read_some", [read_all, read_each])
def test_reads_have_the_context_of_their_caller(read_some: Any) -> None:
    NAME.set("caller")
    assert read_some(lambda _: NAME.get(), [1], DEADLINE) == ["caller"]


@pytest.mark.parametrize("read_some", [read_all, read_each])
def test_mistake_in_a_read_is_raised(read_some: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        read_some(lambda number: 1 / number, [0], DEADLINE)


@pytest.mark.parametrize("read_some", [read_all, read_each])
def test_reads_without_threads_are_made_by_their_caller(
    read_some: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_threads(monkeypatch)
    assert read_some(abs, [-2, 1], DEADLINE) == [2, 1]


def test_read_all_ends_at_its_timeout_and_begins_no_more(may_end: threading.Event) -> None:
    begun: list[int] = []

    def hang(number: int) -> None:
        begun.append(number)
        may_end.wait(DEADLINE)

    with pytest.raises(UpstreamTimeout, match="did not send 1000 responses within 0 seconds"):
        read_all(hang, MANY, 0.0)
    may_end.set()
    assert len(begun) <= MAX_CONCURRENT_OUTPUT_READS


def test_read_all_ends_when_its_caller_has_left(
    may_end: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "flask_lakeflow_jobs.upstream.concurrent_reads"
    monkeypatch.setattr(f"{module}.CHECK_INTERVAL_SECONDS", 0.001)

    def leave() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        read_all(lambda _: may_end.wait(DEADLINE), MANY, DEADLINE, leave)


def test_first_error_ends_read_all(may_end: threading.Event) -> None:
    calls: list[int] = []

    def fail(number: int) -> None:
        calls.append(number)
        if number > 0:  # these have begun when the first one fails
            may_end.wait(DEADLINE)
        raise NotAllowed("No.")

    with pytest.raises(NotAllowed):
        read_all(fail, MANY, DEADLINE)
    may_end.set()
    assert len(calls) <= MAX_CONCURRENT_OUTPUT_READS + 1


def test_read_each_returns_errors_and_names_late_reads(may_end: threading.Event) -> None:
    def read(number: int) -> int:
        if number == 0:
            may_end.wait(DEADLINE)
        if number == 1:
            raise NotAllowed("No.")
        return number

    results = read_each(read, [1, 2], DEADLINE)
    assert [type(each) for each in results] == [NotAllowed, int]
    late: list[int | LakeflowJobsError] = read_each(read, [0], 0.0)
    assert [type(each) for each in late] == [UpstreamTimeout]
    assert "within 0 seconds" in str(late[0])


def test_read_each_has_a_limit_of_threads() -> None:
    full = threading.Barrier(MAX_CONCURRENT_READS)
    running: set[int] = set()

    def read(_: int) -> None:
        running.add(threading.get_ident())
        full.wait(DEADLINE)

    read_each(read, range(3 * MAX_CONCURRENT_READS), DEADLINE)
    assert len(running) == MAX_CONCURRENT_READS


#: Prints the results of two greenlets that read at the same time, and how many reads have begun of
#: those that hang. The app was loaded before gevent patched.
ON_GEVENT = """
from flask_lakeflow_jobs.upstream.concurrent_reads import read_all, read_each
from gevent import monkey; monkey.patch_all()
import gevent

def read(number):
    gevent.sleep(0)
    return -number

calls = [gevent.spawn(each, read, range(20), 60) for each in (read_all, read_each)]
gevent.joinall(calls, raise_error=True)
print(*(sum(call.value) for call in calls))
begun = []
hanging = gevent.event.Event()
late = read_each(lambda number: begun.append(number) or hanging.wait(), range(20), 0.01)
print({type(each).__name__ for each in late}, len(begun))
hanging.set()
"""


def test_reads_on_gevent_run_in_greenlets() -> None:
    pytest.importorskip("gevent")
    assert run_python(ON_GEVENT).splitlines() == [
        "-190 -190",
        f"{{'UpstreamTimeout'}} {MAX_CONCURRENT_READS}",
    ]
