"""The warehouse of the tests of SQL."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty warehouse."""
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(tmp_path))
