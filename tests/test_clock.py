"""The app's clock."""

from __future__ import annotations

import time

import pytest

from flask_lakeflow_jobs.clock import SystemClock
from tests.support import wait_until


def test_system_clock_goes_on_where_a_test_freezes_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "time", lambda: 5.0)
        frozen.setattr(time, "monotonic", lambda: 5.0)
        clock = SystemClock()
        began, now = clock.monotonic(), clock.now()
    wait_until(lambda: clock.monotonic() > began, "the next moment")
    assert now == 5.0
    assert began != 5.0
