"""Time limits of notebooks that others run."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.notebook import time_limit


def test_block_that_takes_too_long_is_interrupted() -> None:
    message = r"^The block did not end within 0\.01 seconds\.$"
    with pytest.raises(TimeoutError, match=message), time_limit(0.01, "The block"):
        time.sleep(30)


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
        time.sleep(30)


def test_outer_limit_continues_after_the_inner_block() -> None:
    def run() -> None:
        with time_limit(0.5, "The outer block"):
            with time_limit(0.4, "The inner block"):  # more than a busy machine needs
                pass
            time.sleep(30)

    with pytest.raises(TimeoutError, match="The outer block"):
        run()


def test_other_threads_have_no_limit() -> None:
    ended = threading.Event()

    def run() -> None:
        with time_limit(0.001, "The block"):
            time.sleep(0.02)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended.is_set()
