from __future__ import annotations

import pytest

from tests.watching.support import Watched


@pytest.fixture
def watched() -> Watched:
    return Watched()
