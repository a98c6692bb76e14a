"""Signals that end a command."""

from __future__ import annotations

import signal
import threading

import pytest

from flask_lakeflow_jobs.cli.end_signals import handle_end_signals, interrupt_on_signals
from tests.cli.conftest import interrupt_a_wait

END_SIGNALS = [signal.SIGINT, signal.SIGHUP, signal.SIGTERM]


@pytest.mark.parametrize("number", END_SIGNALS)
def test_ignored_signal_stays_ignored(number: int) -> None:
    received: list[int] = []
    inherited = signal.signal(number, signal.SIG_IGN)
    try:
        with handle_end_signals(lambda number, _: received.append(number)):
            signal.raise_signal(number)
        assert received == []
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, inherited)


def test_signals_are_left_alone_in_a_thread() -> None:
    errors: list[BaseException] = []

    def handle() -> None:
        try:
            with handle_end_signals(lambda *_: None):
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=handle)
    thread.start()
    thread.join()
    assert errors == []


@pytest.mark.parametrize("number", END_SIGNALS)
def test_signal_that_breaks_the_lock_of_a_wait_is_an_interrupt_all_the_same(number: int) -> None:
    # SIGINT is ignored in processes that a script starts in the background.
    inherited = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), interrupt_on_signals():
            interrupt_a_wait(number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_other_error_while_following_is_no_interrupt() -> None:
    with pytest.raises(RuntimeError, match="other"), interrupt_on_signals():
        raise RuntimeError("other")
