"""How many streams a process can hold, and that none is counted twice or lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType, SimpleNamespace

import pytest

from flask_lakeflow_jobs.web.server import MANY, StreamSlots, room_for_streams


class ThreadWorker:
    """Has the name, the handler and the setting by which gunicorn's gthread worker is known."""

    def __init__(self, threads: int) -> None:
        self.alive = True
        self.cfg = SimpleNamespace(threads=threads)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that never comes."""


class GeventWorker(ThreadWorker):
    """The same of a worker without a fixed number of threads."""


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


def test_a_sync_worker_has_room_for_none() -> None:
    assert room_for_streams(environ("gunicorn/23.0.0", multithread=False)) == 0


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5, 8, 16, 100])
def test_a_quarter_of_the_threads_stays_free(threads: int) -> None:
    run_on(ThreadWorker(threads))
    room = room_for_streams(environ("gunicorn/23.0.0"))
    assert 0 <= room < threads
    assert threads - room >= threads / 4
    assert threads < 4 or room >= threads / 2


def test_waitress_has_four_threads_by_default() -> None:
    assert room_for_streams(environ("waitress")) == 3


def test_greenlets_and_development_servers_are_not_what_limits() -> None:
    assert room_for_streams(environ("Werkzeug/3.1.3")) == MANY
    assert room_for_streams(environ()) == MANY
    run_on(GeventWorker(1))
    assert room_for_streams(environ("gunicorn/23.0.0")) == MANY


def test_slots_are_taken_and_given_back() -> None:
    slots = StreamSlots(2)
    taken = [slots.take(environ("Werkzeug")) for _ in range(3)]
    assert taken == [True, True, False]
    assert slots.held == 2
    slots.give_back()
    assert slots.take(environ("Werkzeug"))


def test_a_cap_of_the_apps_own_counts_instead() -> None:
    run_on(ThreadWorker(8))
    slots = StreamSlots(7)
    assert sum(slots.take(environ("gunicorn")) for _ in range(10)) == 7


def test_a_cap_of_zero_means_no_streams_at_all() -> None:
    assert not StreamSlots(0).take(environ("Werkzeug"))


def test_no_cap_makes_a_sync_worker_hold_a_stream() -> None:
    assert not StreamSlots(10).take(environ("gunicorn/23.0.0", multithread=False))


def test_a_slot_never_goes_to_two() -> None:
    slots = StreamSlots(5)
    together = threading.Barrier(20)
    taken: list[bool] = []

    def take() -> None:
        together.wait()
        taken.append(slots.take(environ("Werkzeug")))

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == slots.held == 5
