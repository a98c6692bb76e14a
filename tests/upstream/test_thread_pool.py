"""The thread pool: timeouts, the limit of threads, and what an abandoned call leaves behind."""

from __future__ import annotations

import gc
import queue
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from flask_lakeflow_jobs.upstream.thread_pool import CallFuture, DaemonThreadPool, has_waiter
from tests.support import DEADLINE, refuse_threads, run_python, wait_until


class Hanging:
    """A call that hangs until it is released."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.released.wait(DEADLINE)
        return "at last"


def give_up(pool: DaemonThreadPool, call: Any, began: threading.Event) -> None:
    """Have a pool make a call, and give it up as soon as it has begun."""
    wait: Any = CallFuture.wait

    def wait_until_begun(future: Any, timeout: float) -> Any:
        assert began.wait(timeout)
        return wait(future, 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CallFuture, "wait", wait_until_begun)
        with pytest.raises(TimeoutError):
            pool.run(call, DEADLINE)


def test_call_returns_its_result() -> None:
    pool = DaemonThreadPool(1)
    assert [pool.run(partial(abs, -number), DEADLINE) for number in range(5)] == [*range(5)]


def test_call_raises_its_error() -> None:
    def fail() -> None:
        raise LookupError("its own")

    with pytest.raises(LookupError, match="its own"):
        DaemonThreadPool(1).run(fail, DEADLINE)


def test_system_exit_does_not_end_the_thread() -> None:
    pool = DaemonThreadPool(1)
    with pytest.raises(SystemExit):
        pool.run(sys.exit, DEADLINE)
    assert pool.run(lambda: "result", DEADLINE) == "result"


def test_abandoned_call_has_no_waiter() -> None:
    hanging, results = Hanging(), []

    def call() -> None:
        results.append(has_waiter())
        hanging()
        results.append(has_waiter())

    pool = DaemonThreadPool(1)
    give_up(pool, call, hanging.began)
    hanging.released.set()
    assert pool.run(has_waiter, DEADLINE)
    # Another thread may have taken the place of that one.
    wait_until(lambda: len(results) == 2, "the end of the abandoned call")
    assert results == [True, False]
    assert has_waiter()


def test_call_abandoned_before_it_began_never_begins() -> None:
    pool, hanging, late = DaemonThreadPool(1), Hanging(), threading.Event()
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(pool.run, hanging, DEADLINE)
        assert hanging.began.wait(DEADLINE)
        with pytest.raises(TimeoutError):
            pool.run(late.set, 0.0)
        assert not pool._waiting
        hanging.released.set()
        assert first.result() == "at last"
    assert pool.run(lambda: "next", DEADLINE) == "next"
    assert not late.is_set()


def test_hanging_call_leaves_the_other_threads_free() -> None:
    pool, hanging = DaemonThreadPool(2), Hanging()
    give_up(pool, hanging, hanging.began)
    assert pool.run(lambda: "result", DEADLINE) == "result"
    hanging.released.set()


def test_calls_run_concurrently_up_to_the_limit() -> None:
    pool, together = DaemonThreadPool(4), threading.Barrier(4)

    def meet(_: int) -> int:
        return pool.run(lambda: together.wait(DEADLINE), DEADLINE)

    with ThreadPoolExecutor(4) as callers:
        assert sorted(callers.map(meet, range(4))) == [0, 1, 2, 3]


def test_calls_beyond_the_limit_wait_for_a_thread() -> None:
    pool, hanging, third = DaemonThreadPool(2), [Hanging(), Hanging()], threading.Event()
    with ThreadPoolExecutor(2) as callers:
        for call in hanging:
            callers.submit(pool.run, call, DEADLINE)
        assert all(call.began.wait(DEADLINE) for call in hanging)
        with pytest.raises(TimeoutError):
            pool.run(third.set, 0.01)
        assert not third.is_set()
        hanging[0].released.set()
        pool.run(third.set, DEADLINE)
        assert third.is_set()
        hanging[1].released.set()


def test_calls_that_were_given_up_leave_their_places_to_others_up_to_the_limit() -> None:
    """A workspace that sends a byte now and then keeps the threads of all calls for hours."""
    pool, hanging = DaemonThreadPool(2), [Hanging() for _ in range(4)]
    for call in hanging:
        give_up(pool, call, call.began)
    with pytest.raises(TimeoutError):
        pool.run(lambda: "result", 0.01)
    hanging[3].released.set()
    assert pool.run(lambda: "result", DEADLINE) == "result"
    for call in hanging:
        call.released.set()
    wait_until(lambda: pool._stuck == 0, "the end of the calls")
    together = threading.Barrier(2)
    with ThreadPoolExecutor(2) as callers:
        meetings = [callers.submit(pool.run, together.wait, DEADLINE) for _ in range(2)]
        assert sorted(each.result() for each in meetings) == [0, 1]


def test_call_without_a_thread_is_made_by_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = DaemonThreadPool(1)
    with monkeypatch.context() as patch:
        refuse_threads(patch)
        assert pool.run(threading.current_thread, DEADLINE) is threading.current_thread()
    assert pool.run(threading.current_thread, DEADLINE) is not threading.current_thread()


def test_idle_thread_does_not_keep_its_last_call_alive() -> None:
    class Argument:
        """An argument of a call."""

    argument = Argument()
    reference = weakref.ref(argument)
    pool = DaemonThreadPool(1)
    assert pool.run(partial(isinstance, argument, Argument), DEADLINE)
    del argument

    def is_gone() -> bool:
        gc.collect()
        return reference() is None

    wait_until(is_gone, "The end of the argument")


FORKING = """
import os, sys
from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
pool = DaemonThreadPool(2)
assert pool.run(lambda: os.getpid(), 30) == os.getpid()
child = os.fork()
if child == 0:
    os._exit(0 if pool.run(lambda: os.getpid(), 30) == os.getpid() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

HANGING = """
import threading
from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
try:
    DaemonThreadPool(1).run(threading.Event().wait, 0.01)
except TimeoutError:
    print("timed out")
"""


@pytest.mark.parametrize(("program", "output"), [(FORKING, ""), (HANGING, "timed out\n")])
def test_process_can_fork_and_exit(program: str, output: str) -> None:
    assert run_python(program) == output


#: Makes more calls than there are threads, after the pool's module was loaded and gevent patched.
ON_GEVENT = """
from flask_lakeflow_jobs.upstream.thread_pool import DaemonThreadPool
from gevent import monkey; monkey.patch_all()
import gevent
pool = DaemonThreadPool(4)
calls = [gevent.spawn(pool.run, lambda: gevent.sleep(0) or 1, 60) for _ in range(20)]
gevent.joinall(calls, raise_error=True)
print(sum(call.value for call in calls) + pool.run(lambda: 1, 60))
"""


def test_threads_of_gevent_that_patches_late_wait_for_calls() -> None:
    pytest.importorskip("gevent")
    assert run_python(ON_GEVENT) == "21\n"


def test_thread_whose_caller_was_interrupted_before_it_put_its_call_ends() -> None:
    """A signal handler may raise at that moment; the thread would count forever."""
    pool = DaemonThreadPool(1)
    pool._threads = 1

    class Inbox:
        def get(self, timeout: float | None = None) -> None:
            assert timeout is not None, "it would wait forever"
            pool._idle.pop()
            raise queue.Empty

        def empty(self) -> bool:
            return True

    inbox: Any = Inbox()
    assert pool._get_next(inbox) is None
    assert pool._threads == 0
