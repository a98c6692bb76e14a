"""Calls that end in time, whatever they call; many at once, and never more than allowed."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
from tests.support import DEADLINE, wait_until


class Hanging:
    """A call that hangs until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.let_go.wait(DEADLINE)
        return "at last"


def test_a_call_gives_what_it_returns() -> None:
    workers = DaemonThreadPool(1)
    assert [workers.run(partial(abs, -number), DEADLINE) for number in range(5)] == [*range(5)]


def test_a_call_raises_what_it_raises() -> None:
    def fail() -> None:
        raise LookupError("its own")

    with pytest.raises(LookupError, match="its own"):
        DaemonThreadPool(1).run(fail, DEADLINE)


def test_what_ends_a_program_ends_no_worker() -> None:
    workers = DaemonThreadPool(1)

    def leave() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        workers.run(leave, DEADLINE)
    assert workers.run(lambda: "well", DEADLINE) == "well"


def test_a_call_that_hangs_is_left_in_time() -> None:
    hanging = Hanging()
    with pytest.raises(TimeoutError):
        DaemonThreadPool(1).run(hanging, 0.01)
    hanging.let_go.set()


def test_a_call_left_before_it_began_never_begins() -> None:
    workers, hanging, late = DaemonThreadPool(1), Hanging(), threading.Event()
    with pytest.raises(TimeoutError):
        workers.run(hanging, 0.01)
    assert hanging.began.wait(DEADLINE)
    with pytest.raises(TimeoutError):
        workers.run(late.set, 0.0)
    hanging.let_go.set()
    assert workers.run(lambda: "next", DEADLINE) == "next"
    assert not late.is_set()


def test_a_hanging_call_holds_up_no_other_while_there_are_threads() -> None:
    workers, hanging = DaemonThreadPool(2), Hanging()
    with pytest.raises(TimeoutError):
        workers.run(hanging, 0.01)
    assert workers.run(lambda: "well", DEADLINE) == "well"
    hanging.let_go.set()


def run_together(workers: DaemonThreadPool, calls: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: workers.run(call, DEADLINE), calls))


def test_as_many_calls_run_at_once_as_are_allowed() -> None:
    together = threading.Barrier(4)

    def meet() -> int:
        return together.wait(DEADLINE)

    assert sorted(map(str, run_together(DaemonThreadPool(4), [meet] * 4))) == ["0", "1", "2", "3"]


def test_more_calls_than_are_allowed_wait_for_their_turn() -> None:
    workers, hanging, third = DaemonThreadPool(2), [Hanging(), Hanging()], threading.Event()
    for call in hanging:
        with pytest.raises(TimeoutError):
            workers.run(call, 0.01)
    assert all(call.began.wait(DEADLINE) for call in hanging)
    with pytest.raises(TimeoutError):
        workers.run(third.set, 0.01)
    assert not third.is_set()
    hanging[0].let_go.set()
    workers.run(third.set, DEADLINE)
    assert third.is_set()
    hanging[1].let_go.set()


def test_a_worker_never_holds_up_the_end_of_the_process() -> None:
    workers = DaemonThreadPool(1)
    assert workers.run(lambda: threading.current_thread().daemon, DEADLINE)


def test_a_call_that_is_over_keeps_nothing_alive() -> None:
    class Big:
        """Something that a call holds."""

    big = Big()
    gone = weakref.ref(big)
    workers = DaemonThreadPool(1)
    assert workers.run(partial(isinstance, big, Big), DEADLINE)
    del big

    def is_gone() -> bool:
        gc.collect()
        return gone() is None

    wait_until(is_gone, "The end of what the call held")


FORKING = """
import os, sys
from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
workers = DaemonThreadPool(2)
assert workers.run(lambda: os.getpid(), 30) == os.getpid()
child = os.fork()
if child == 0:
    os._exit(0 if workers.run(lambda: os.getpid(), 30) == os.getpid() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

HANGING = """
import threading
from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
try:
    DaemonThreadPool(1).run(threading.Event().wait, 0.01)
except TimeoutError:
    print("left")
"""


@pytest.mark.parametrize(("program", "says"), [(FORKING, ""), (HANGING, "left\n")])
def test_processes_fork_and_end_as_they_like(program: str, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
    )
    assert done.stdout == says
