"""How many streams a process can hold, and that none is counted twice or lost."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from types import FrameType, SimpleNamespace

import pytest
from werkzeug.test import EnvironBuilder

from flask_lakeflow_jobs.web.sse.limits import (
    StreamLimiter,
    is_closing,
    is_gthread_worker,
    thread_capacity,
)


class ThreadWorker:
    """Has the name, the handler and the setting by which gunicorn's gthread worker is known."""

    def __init__(self, threads: int) -> None:
        self.alive = True
        self.cfg = SimpleNamespace(threads=threads)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that never comes."""


class GeventWorker(ThreadWorker):
    """The same of a worker without a fixed number of threads."""


class Host:
    """An app that handles the signal itself."""

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle it."""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run_on(worker: ThreadWorker) -> None:
    signal.signal(signal.SIGTERM, worker.handle)


def environ(software: str | None = None, *, multithread: bool = True) -> dict[str, object]:
    given: dict[str, object] = {"wsgi.multithread": multithread}
    return given if software is None else {**given, "SERVER_SOFTWARE": software}


def test_an_app_behind_asgiref_has_one_thread_for_all_requests_and_room_for_none() -> None:
    with SpooledTemporaryFile() as body:
        assert thread_capacity({**environ(), "wsgi.input": body}) == 0


@pytest.mark.parametrize("software", ["gunicorn/23.0.0", "Werkzeug/3.1.3", "Apache/2.4", None])
def test_a_server_with_one_thread_has_room_for_none(software: str | None) -> None:
    """uWSGI does not say what it is."""
    assert thread_capacity({**environ(software, multithread=False), "wsgi.input": object()}) == 0


def test_a_test_client_reads_in_a_thread_of_its_own() -> None:
    assert thread_capacity(EnvironBuilder(data=b"{}").get_environ()) is None


@pytest.mark.parametrize(
    ("software", "room"), [("gevent/26.9 Python/3.13", None), (None, None), ("gunicorn/23.0.0", 0)]
)
def test_greenlets_share_the_one_thread_of_gevents_own_server_and_of_uwsgi(
    monkeypatch: pytest.MonkeyPatch, software: str | None, room: int | None
) -> None:
    monkey = SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    assert thread_capacity({**environ(software, multithread=False), "wsgi.input": object()}) == room


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5, 8, 16, 100])
def test_a_quarter_of_the_threads_stays_free(threads: int) -> None:
    run_on(ThreadWorker(threads))
    room = thread_capacity(environ("gunicorn/23.0.0"))
    assert room is not None
    assert 0 <= room < threads
    assert threads - room >= threads / 4
    assert threads < 4 or room >= threads / 2


def test_waitress_has_four_threads_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "enumerate", list)  # the workspace's own are in this process
    assert thread_capacity(environ("waitress")) == 3


def test_of_greenlets_and_development_servers_no_limit_is_known() -> None:
    assert thread_capacity(environ("Werkzeug/3.1.3")) is None
    assert thread_capacity(environ()) is None
    run_on(GeventWorker(1))
    assert thread_capacity(environ("gunicorn/23.0.0")) is None
    assert not is_gthread_worker()


def test_a_worker_that_is_told_to_end_is_seen_to_be_closing() -> None:
    assert not is_closing()
    worker = ThreadWorker(4)
    run_on(worker)
    assert is_gthread_worker()
    assert not is_closing()
    worker.alive = False
    assert is_closing()


def test_the_apps_own_handler_of_the_signal_is_no_worker() -> None:
    signal.signal(signal.SIGTERM, Host().stop)
    assert not is_gthread_worker()
    assert not is_closing()


# ── slots ─────────────────────────────────────────────────────────────────────────────────────────

WERKZEUG = environ("Werkzeug/3.1.3")


def test_slots_are_taken_and_given_back() -> None:
    slots = StreamLimiter(2)
    assert [slots.acquire_thread(WERKZEUG) for _ in range(3)] == [True, True, False]
    assert slots.held == 2
    slots.release(thread=True)
    assert slots.acquire_thread(WERKZEUG)


def test_slots_without_a_thread_are_taken_and_given_back() -> None:
    slots = StreamLimiter(2)
    assert [slots.acquire_socket() for _ in range(3)] == [True, True, False]
    slots.release(thread=False)
    assert slots.acquire_socket()
    assert slots.held == 2


@pytest.mark.parametrize(("most", "taken"), [(2, 2), (None, 6), (100, 6)])
def test_neither_the_servers_threads_nor_the_apps_cap_are_exceeded(
    most: int | None, taken: int
) -> None:
    run_on(ThreadWorker(8))
    slots = StreamLimiter(most)
    assert sum(slots.acquire_thread(environ("gunicorn/23.0.0")) for _ in range(20)) == taken


def test_streams_without_a_thread_are_not_limited_by_the_servers_threads() -> None:
    run_on(ThreadWorker(2))
    slots = StreamLimiter(None)
    assert sum(slots.acquire_socket() for _ in range(100)) == 100


def test_a_cap_of_zero_means_no_streams_at_all() -> None:
    assert not StreamLimiter(0).acquire_thread(WERKZEUG)
    assert not StreamLimiter(0).acquire_socket()


def test_no_cap_makes_a_sync_worker_hold_a_stream() -> None:
    assert not StreamLimiter(10).acquire_thread(environ("gunicorn/23.0.0", multithread=False))


def test_a_slot_never_goes_to_two() -> None:
    slots = StreamLimiter(5)
    together = threading.Barrier(20)
    taken: list[bool] = []

    def take() -> None:
        together.wait()
        taken.append(slots.acquire_thread(WERKZEUG))

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == slots.held == 5


# ── waiting for a first look ──────────────────────────────────────────────────────────────────────


def waiters(slots: StreamLimiter, environ: dict[str, object], number: int) -> list[bool]:
    """Which of so many requests that come at once may wait."""
    with ExitStack() as stack:
        return [
            stack.enter_context(slots.first_read_permit(environ, has_thread=False))
            for _ in range(number)
        ]


@pytest.mark.parametrize(("streams", "may_wait"), [(0, 6), (4, 2), (6, 1)])
def test_as_many_wait_as_threads_can_be_spared_and_at_least_one(
    streams: int, may_wait: int
) -> None:
    run_on(ThreadWorker(8))
    slots = StreamLimiter(None)
    gunicorn = environ("gunicorn/23.0.0")
    assert [slots.acquire_thread(gunicorn) for _ in range(streams)] == [True] * streams
    for _ in range(2):
        assert sum(waiters(slots, gunicorn, 20)) == may_wait, "each time anew"


def test_a_stream_that_holds_a_thread_waits_in_it() -> None:
    run_on(ThreadWorker(4))
    slots = StreamLimiter(None)
    gunicorn = environ("gunicorn/23.0.0")
    with slots.first_read_permit(gunicorn, has_thread=True) as may_wait:
        assert may_wait
        assert sum(waiters(slots, gunicorn, 20)) == 3


def test_where_no_limit_is_known_all_may_wait() -> None:
    assert all(waiters(StreamLimiter(None), WERKZEUG, 100))
