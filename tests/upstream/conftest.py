"""Fixtures of the tests of upstream calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cachelib import SimpleCache
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from tests.conftest import MakeApp
from tests.support import wait_until
from tests.upstream.reads import Reads, SharedMemory
from tests.upstream.support import SHORT_SECONDS


@pytest.fixture(params=[SimpleCache, SharedMemory], ids=["process", "shared"])
def reads(request: pytest.FixtureRequest) -> Reads:
    """Reads through a cache of this process, and through one that processes share."""
    return Reads(backend=request.param())


@pytest.fixture
def short_timeouts(make_app: MakeApp) -> Iterator[Flask]:
    """An app whose calls time out after a second."""
    app = make_app(
        LAKEFLOW_JOBS_READ_TIMEOUT=SHORT_SECONDS, LAKEFLOW_JOBS_WRITE_TIMEOUT=SHORT_SECONDS
    )
    with app.app_context():
        # It loads the SDK and connects, which may take longer than a call may.
        wait_until(lambda: current_jobs["never"].results.last_run().ok, "a connection")
        yield app
