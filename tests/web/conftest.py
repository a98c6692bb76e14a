from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture
def _restored_signal_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
