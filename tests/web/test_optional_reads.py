"""Reads that a response can do without."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from flask_lakeflow_jobs import UpstreamTimeout
from flask_lakeflow_jobs.web.optional_reads import read_in_time
from tests.support import DEADLINE

NAME = ContextVar("NAME", default="")


def test_reads_have_the_context_of_the_caller_and_their_errors_are_ignored() -> None:
    names: list[str] = []

    def fail() -> None:
        raise UpstreamTimeout("The workspace does not respond.")

    NAME.set("caller")
    assert read_in_time([fail, lambda: names.append(NAME.get())], DEADLINE)
    assert names == ["caller"]
    assert read_in_time([])


def test_mistake_in_a_read_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        read_in_time([lambda: print(1 / 0)], DEADLINE)


def test_late_read_is_not_waited_for() -> None:
    is_open = threading.Event()

    def wait() -> None:
        is_open.wait(DEADLINE)

    try:
        assert not read_in_time([wait], 0.01)
    finally:
        is_open.set()
