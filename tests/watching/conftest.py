from __future__ import annotations

import pytest

from tests.watching.support import HubHarness


@pytest.fixture
def harness() -> HubHarness:
    return HubHarness()
