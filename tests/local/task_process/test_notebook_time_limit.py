"""Time limits of notebooks that others run."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from flask_lakeflow_jobs.local.task_process.notebook import time_limit

#: The limit ends this wait.
LONG_SECONDS = 30


def test_block_that_takes_too_long_is_interrupted() -> None:
    message = r"^The block did not end within 0\.01 seconds\.$"
    with pytest.raises(TimeoutError, match=message), time_limit(0.01, "The block"):
        time.sleep(LONG_SECONDS)


@pytest.mark.parametrize("seconds", [0, 60])
def test_block_in_time_leaves_no_timer(seconds: float) -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with time_limit(seconds, "The block"):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_shorter_outer_limit_applies_to_the_inner_block() -> None:
    with (
        pytest.raises(TimeoutError, match="The outer block"),
        time_limit(0.01, "The outer block"),
        time_limit(60, "The inner block"),
    ):
        time.sleep(LONG_SECONDS)


def test_outer_limit_continues_after_the_inner_block() -> None:
    with time_limit(60, "The outer block"):
        with time_limit(30, "The inner block"):
            pass
        assert 30 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60


def test_other_threads_have_no_limit() -> None:
    timers = []

    def run() -> None:
        with time_limit(60, "The block"):
            timers.append(signal.getitimer(signal.ITIMER_REAL))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert timers == [(0, 0)]
