"""Fixtures of the tests of HTTP."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.web import servers

RunToEnd = Callable[[str], int]


@pytest.fixture(params=["", "/"], ids=["bare", "slash"])
def end(request: pytest.FixtureRequest) -> str:
    """The end of a path: both are the same route, without a redirect."""
    return str(request.param)


@pytest.fixture
def run_to_end(app: Flask) -> RunToEnd:
    """Runs a job to its end and returns the run id."""

    def finish(key: str, params: Any = None) -> int:
        with app.app_context():
            run_id = current_jobs[key].run_now(params).run_id
            current_jobs[key].wait(run_id)
        return run_id

    return finish


@pytest.fixture
def _restored_signal_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def _no_found_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(servers, "_found", servers.Server("none yet"))
    servers._read_granian_limits.cache_clear()
    yield
    servers._read_granian_limits.cache_clear()
