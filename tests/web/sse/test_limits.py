"""The limit of streams of a process; no permit is counted twice or lost."""

from __future__ import annotations

import logging
import resource
import sys
import threading
from contextlib import ExitStack

import pytest

from flask_lakeflow_jobs import loggers
from flask_lakeflow_jobs.web.servers import UNLIMITED, Server
from flask_lakeflow_jobs.web.sse.limits import (
    DEFAULT_MAX_SOCKETS,
    DEFAULT_MAX_STREAMS,
    RESERVED_DESCRIPTORS,
    StreamLimiter,
    StreamPermit,
    Usage,
    connection_capacity,
    descriptor_capacity,
    limit_connections,
)

WERKZEUG = Server("Werkzeug", threads=UNLIMITED)
SYNC = Server("sync", threads=1)
UNKNOWN = Server("unknown")
EIGHT_THREADS = Server("gthread", threads=8)
DEAF = Server("deaf", threads=8, notices_disconnects=False)


def limit_descriptors(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))


@pytest.mark.parametrize(
    ("soft", "expected"),
    [
        (1024, 768 - RESERVED_DESCRIPTORS),
        (65_536, 49_152 - RESERVED_DESCRIPTORS),
        (64, 0),
        (resource.RLIM_INFINITY, DEFAULT_MAX_SOCKETS),
    ],
)
def test_descriptor_capacity_is_three_quarters_less_a_reserve(
    monkeypatch: pytest.MonkeyPatch, soft: int, expected: int
) -> None:
    limit_descriptors(monkeypatch, soft)
    assert descriptor_capacity() == expected


def test_descriptor_capacity_without_limits_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert descriptor_capacity() == DEFAULT_MAX_SOCKETS
    assert connection_capacity(8) == sys.maxsize


def test_permits_leave_descriptors_for_other_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_descriptors(monkeypatch, 128)
    limiter = StreamLimiter(None)
    permits = [limiter.acquire_socket(EIGHT_THREADS) for _ in range(20)]
    permits += [limiter.acquire_thread(WERKZEUG) for _ in range(20)]
    assert sum(permit is not None for permit in permits) == 96 - RESERVED_DESCRIPTORS == 32
    assert limiter.held == 32


def test_acquire_thread_on_an_unknown_server_needs_a_limit_of_the_app() -> None:
    assert StreamLimiter(None).acquire_thread(UNKNOWN) is None
    limiter = StreamLimiter(3)
    assert sum(limiter.acquire_thread(UNKNOWN) is not None for _ in range(9)) == 3


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (UNKNOWN, "the number of threads of unknown is unknown: set LAKEFLOW_JOBS_MAX_STREAMS"),
        (SYNC, "sync cannot spare a thread"),
        (DEAF, "deaf does not notice when a viewer leaves"),
    ],
)
def test_acquire_thread_logs_once_why_viewers_poll(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    reason: str,
) -> None:
    monkeypatch.setattr(loggers, "_logged", {})
    caplog.set_level(logging.INFO, "flask_lakeflow_jobs.web")
    for _ in range(3):
        assert StreamLimiter(None).acquire_thread(server) is None
    assert StreamLimiter(0).acquire_thread(server) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"Viewers poll, because {reason}."
    ]


@pytest.mark.parametrize("max_streams", [None, 5])
def test_acquire_thread_without_notice_of_disconnects_fails(max_streams: int | None) -> None:
    assert StreamLimiter(max_streams).acquire_thread(DEAF) is None


def test_acquire_thread_without_an_end_of_threads_stops_at_the_default() -> None:
    limiter = StreamLimiter(None)
    assert all(limiter.acquire_thread(WERKZEUG) for _ in range(DEFAULT_MAX_STREAMS))
    assert limiter.acquire_thread(WERKZEUG) is None


def acquired(permit: StreamPermit | None) -> StreamPermit:
    assert permit is not None
    return permit


def test_apps_of_one_process_share_its_threads() -> None:
    process = Usage()
    one, other = StreamLimiter(None, process), StreamLimiter(None, process)
    permits = [acquired(one.acquire_thread(EIGHT_THREADS)) for _ in range(4)]
    assert other.capacity(EIGHT_THREADS, is_pushed=False) == 2
    assert sum(first_read_permits(other, EIGHT_THREADS, 20)) == 2
    assert sum(other.acquire_thread(EIGHT_THREADS) is not None for _ in range(9)) == 2
    assert one.acquire_thread(EIGHT_THREADS) is None
    permits[0].release()
    assert other.acquire_thread(EIGHT_THREADS)
    assert (one.held, other.held) == (3, 3)


def test_apps_of_one_process_share_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_descriptors(monkeypatch, 128)
    process, allowed = Usage(), [0]
    server = Server("gthread", threads=8, limit_connections=allowed.append)
    one, other = StreamLimiter(None, process), StreamLimiter(None, process)
    permits = [acquired(one.acquire_socket(server)) for _ in range(30)]
    assert sum(other.acquire_socket(server) is not None for _ in range(9)) == 2
    assert one.acquire_socket(server) is None
    assert allowed[-1] == connection_capacity(8) - 32
    for permit in permits:
        permit.release()
    assert allowed[-1] == connection_capacity(8) - 2
    assert sum(acquired(one.acquire_socket(server)).holds_thread for _ in range(30)) == 0


def test_permit_for_a_socket_exchanged_for_a_thread_counts_once() -> None:
    limiter = StreamLimiter(2)
    permit = acquired(limiter.acquire_socket(EIGHT_THREADS))
    assert permit.acquire_thread(WERKZEUG)
    assert permit.acquire_thread(WERKZEUG)
    usage = limiter.describe_usage()
    assert (usage["pushed"], usage["onThreads"], limiter.held) == (0, 1, 1)
    permit.release()
    assert limiter.held == 0


def test_permit_for_a_socket_without_a_free_thread_stays_one() -> None:
    limiter = StreamLimiter(None)
    permit = acquired(limiter.acquire_socket(EIGHT_THREADS))
    assert not permit.acquire_thread(SYNC)
    assert not permit.holds_thread
    permit.release()
    assert limiter.held == 0


@pytest.mark.parametrize(("max_streams", "expected"), [(2, 2), (None, 6), (100, 6)])
def test_acquire_thread_respects_the_servers_and_the_apps_limit(
    max_streams: int | None, expected: int
) -> None:
    limiter = StreamLimiter(max_streams)
    permits = [limiter.acquire_thread(EIGHT_THREADS) for _ in range(20)]
    assert sum(permit is not None for permit in permits) == expected


def test_acquire_socket_ignores_the_servers_threads() -> None:
    limiter = StreamLimiter(None)
    assert all(limiter.acquire_socket(EIGHT_THREADS) for _ in range(100))


def test_limit_of_zero_allows_no_streams() -> None:
    assert StreamLimiter(0).acquire_thread(WERKZEUG) is None
    assert StreamLimiter(0).acquire_socket(EIGHT_THREADS) is None


def test_acquire_thread_on_a_sync_worker_fails_whatever_the_limit() -> None:
    assert StreamLimiter(10).acquire_thread(SYNC) is None


def test_acquire_thread_by_many_threads_never_exceeds_the_limit() -> None:
    limiter = StreamLimiter(5)
    together = threading.Barrier(20)
    permits: list[StreamPermit | None] = []

    def acquire() -> None:
        together.wait()
        permits.append(limiter.acquire_thread(WERKZEUG))

    threads = [threading.Thread(target=acquire) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(permit is not None for permit in permits) == limiter.held == 5


def first_read_permits(limiter: StreamLimiter, server: Server, number: int) -> list[bool]:
    """The permits of so many requests at once."""
    with ExitStack() as stack:
        return [
            stack.enter_context(limiter.first_read_permit(server, has_thread=False))
            for _ in range(number)
        ]


@pytest.mark.parametrize(("streams", "expected"), [(0, 6), (4, 2), (6, 1)])
def test_first_read_permit_is_limited_by_spare_threads_and_at_least_one(
    streams: int, expected: int
) -> None:
    limiter = StreamLimiter(None)
    assert all(limiter.acquire_thread(EIGHT_THREADS) for _ in range(streams))
    for _ in range(2):
        assert sum(first_read_permits(limiter, EIGHT_THREADS, 20)) == expected, "each time"


def test_first_read_permit_with_a_thread_does_not_count() -> None:
    limiter = StreamLimiter(None)
    with limiter.first_read_permit(EIGHT_THREADS, has_thread=True) as may_wait:
        assert may_wait
        assert sum(first_read_permits(limiter, EIGHT_THREADS, 20)) == 6


@pytest.mark.parametrize(
    ("server", "expected"), [(WERKZEUG, 100), (UNKNOWN, 1), (SYNC, 1), (DEAF, 6)]
)
def test_first_read_permit_depends_on_the_threads_of_the_server(
    server: Server, expected: int
) -> None:
    assert sum(first_read_permits(StreamLimiter(None), server, 100)) == expected


def test_usage_has_the_streams_that_are_held_and_free() -> None:
    limiter = StreamLimiter(3)
    usage = {"pushed": 0, "onThreads": 0, "limit": None, "free": None, "sentToPoll": 0}
    assert limiter.describe_usage() == usage
    permits = [limiter.acquire_socket(EIGHT_THREADS), limiter.acquire_thread(UNKNOWN)]
    limiter.count_sent_to_poll()
    usage |= {"pushed": 1, "onThreads": 1, "limit": 3, "free": 1, "sentToPoll": 1}
    assert limiter.describe_usage() == usage
    for permit in permits:
        assert permit is not None
        permit.release()
    assert limiter.describe_usage() == usage | {"pushed": 0, "onThreads": 0, "free": 3}


@pytest.mark.parametrize(
    ("threads", "connections", "streams"),
    [(8, 880, 704), (64, 768, 704), (256, 384, 192), (1000, 298, 149)],
)
def test_pushed_streams_leave_connections_for_the_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int, connections: int, streams: int
) -> None:
    limit_descriptors(monkeypatch, 1024)
    server = Server("gthread", threads=threads)
    assert connection_capacity(threads) == connections
    assert StreamLimiter(None).capacity(server, is_pushed=True) == streams
    process = Usage()
    process.sockets = 9  # of another app
    assert StreamLimiter(None, process).capacity(server, is_pushed=True) == streams - 9


def test_streams_and_connections_of_a_gthread_worker_share_its_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit_descriptors(monkeypatch, 1024)
    allowed: list[int] = []
    server = Server("gthread", threads=8, limit_connections=allowed.append)
    limit_connections(server)
    limiter = StreamLimiter(None)
    permits = [acquired(limiter.acquire_socket(server)) for _ in range(2)]
    permits[0].acquire_thread(server)
    permits[1].release()
    assert allowed == [1024 - 128 - 16 - sockets for sockets in (0, 1, 2, 1, 0)]
