"""How many streams a process can hold, and that no permit is counted twice or lost."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from types import FrameType, SimpleNamespace

import pytest
from werkzeug.test import EnvironBuilder

from flask_lakeflow_jobs.web.sse.limits import (
    StreamLimiter,
    StreamPermit,
    is_closing,
    is_gthread_worker,
    thread_capacity,
)
from tests.web.sse.workers import GeventWorker, ThreadWorker, install_worker

pytestmark = pytest.mark.usefixtures("_restored_signal_handler")


def environ(software: str | None = None, *, multithread: bool = True) -> dict[str, object]:
    environ: dict[str, object] = {"wsgi.multithread": multithread}
    return environ if software is None else {**environ, "SERVER_SOFTWARE": software}


GUNICORN = environ("gunicorn/23.0.0")
WERKZEUG = environ("Werkzeug/3.1.3")


def test_thread_capacity_behind_asgiref_is_zero() -> None:
    with SpooledTemporaryFile() as body:
        assert thread_capacity({**environ(), "wsgi.input": body}) == 0


@pytest.mark.parametrize("software", ["gunicorn/23.0.0", "Werkzeug/3.1.3", "Apache/2.4", None])
def test_thread_capacity_of_a_server_with_one_thread_is_zero(software: str | None) -> None:
    """uWSGI sets no SERVER_SOFTWARE."""
    assert thread_capacity({**environ(software, multithread=False), "wsgi.input": object()}) == 0


def test_thread_capacity_of_the_test_client_is_unknown() -> None:
    assert thread_capacity(EnvironBuilder(data=b"{}").get_environ()) is None


@pytest.mark.parametrize(
    ("software", "capacity"),
    [("gevent/26.9 Python/3.13", None), (None, None), ("gunicorn/23.0.0", 0)],
)
def test_thread_capacity_of_one_thread_with_greenlets_is_unknown(
    monkeypatch: pytest.MonkeyPatch, software: str | None, capacity: int | None
) -> None:
    monkey = SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    environment = {**environ(software, multithread=False), "wsgi.input": object()}
    assert thread_capacity(environment) == capacity


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5, 8, 16, 100])
def test_thread_capacity_leaves_a_quarter_of_the_threads_free(threads: int) -> None:
    install_worker(ThreadWorker(threads))
    capacity = thread_capacity(GUNICORN)
    assert capacity is not None
    assert 0 <= capacity < threads
    assert threads - capacity >= threads / 4
    assert threads < 4 or capacity >= threads / 2


def test_thread_capacity_of_waitress_assumes_four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "enumerate", list)  # hides the local workspace's own waitress
    assert thread_capacity(environ("waitress")) == 3


def test_thread_capacity_of_gevent_workers_and_other_servers_is_unknown() -> None:
    assert thread_capacity(WERKZEUG) is None
    assert thread_capacity(environ()) is None
    install_worker(GeventWorker(1))
    assert thread_capacity(GUNICORN) is None
    assert not is_gthread_worker()


def test_is_closing_follows_the_worker() -> None:
    assert not is_closing()
    worker = ThreadWorker(4)
    install_worker(worker)
    assert is_gthread_worker()
    assert not is_closing()
    worker.alive = False
    assert is_closing()


class Host:
    """An app that handles the signal itself."""

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that never comes."""


def test_signal_handler_of_the_app_is_no_worker() -> None:
    signal.signal(signal.SIGTERM, Host().stop)
    assert not is_gthread_worker()
    assert not is_closing()


def acquired(permit: StreamPermit | None) -> StreamPermit:
    assert permit is not None
    return permit


def test_acquire_thread_after_release_succeeds_again() -> None:
    limiter = StreamLimiter(2)
    permit = acquired(limiter.acquire_thread(WERKZEUG))
    assert limiter.acquire_thread(WERKZEUG)
    assert limiter.acquire_thread(WERKZEUG) is None
    assert limiter.held == 2
    permit.release()
    assert limiter.acquire_thread(WERKZEUG)


def test_acquire_socket_after_release_succeeds_again() -> None:
    limiter = StreamLimiter(2)
    permit = acquired(limiter.acquire_socket())
    assert limiter.acquire_socket()
    assert limiter.acquire_socket() is None
    permit.release()
    assert limiter.acquire_socket()
    assert limiter.held == 2


def test_permit_for_a_socket_exchanged_for_a_thread_counts_once() -> None:
    limiter = StreamLimiter(2)
    permit = acquired(limiter.acquire_socket())
    assert permit.acquire_thread(WERKZEUG)
    assert permit.acquire_thread(WERKZEUG)
    assert limiter.held == 1
    permit.release()
    assert limiter.held == 0


def test_permit_for_a_socket_without_a_free_thread_stays_one() -> None:
    limiter = StreamLimiter(None)
    permit = acquired(limiter.acquire_socket())
    assert not permit.acquire_thread(environ("gunicorn/23.0.0", multithread=False))
    assert not permit.holds_thread
    permit.release()
    assert limiter.held == 0


@pytest.mark.parametrize(("max_streams", "expected"), [(2, 2), (None, 6), (100, 6)])
def test_acquire_thread_respects_the_servers_and_the_apps_limit(
    max_streams: int | None, expected: int
) -> None:
    install_worker(ThreadWorker(8))
    limiter = StreamLimiter(max_streams)
    permits = [limiter.acquire_thread(GUNICORN) for _ in range(20)]
    assert sum(permit is not None for permit in permits) == expected


def test_acquire_socket_ignores_the_servers_threads() -> None:
    install_worker(ThreadWorker(2))
    limiter = StreamLimiter(None)
    assert all(limiter.acquire_socket() for _ in range(100))


def test_limit_of_zero_allows_no_streams() -> None:
    assert StreamLimiter(0).acquire_thread(WERKZEUG) is None
    assert StreamLimiter(0).acquire_socket() is None


def test_acquire_thread_on_a_sync_worker_fails_whatever_the_limit() -> None:
    sync = environ("gunicorn/23.0.0", multithread=False)
    assert StreamLimiter(10).acquire_thread(sync) is None


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


def first_read_permits(
    limiter: StreamLimiter, environ: dict[str, object], number: int
) -> list[bool]:
    """The permits of so many requests at once."""
    with ExitStack() as stack:
        return [
            stack.enter_context(limiter.first_read_permit(environ, has_thread=False))
            for _ in range(number)
        ]


@pytest.mark.parametrize(("streams", "expected"), [(0, 6), (4, 2), (6, 1)])
def test_first_read_permit_is_limited_by_spare_threads_and_at_least_one(
    streams: int, expected: int
) -> None:
    install_worker(ThreadWorker(8))
    limiter = StreamLimiter(None)
    assert all(limiter.acquire_thread(GUNICORN) for _ in range(streams))
    for _ in range(2):
        assert sum(first_read_permits(limiter, GUNICORN, 20)) == expected, "each time"


def test_first_read_permit_with_a_thread_does_not_count() -> None:
    install_worker(ThreadWorker(4))
    limiter = StreamLimiter(None)
    with limiter.first_read_permit(GUNICORN, has_thread=True) as may_wait:
        assert may_wait
        assert sum(first_read_permits(limiter, GUNICORN, 20)) == 3


def test_first_read_permit_without_a_known_limit_is_always_granted() -> None:
    assert all(first_read_permits(StreamLimiter(None), WERKZEUG, 100))
