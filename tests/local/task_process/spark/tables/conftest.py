"""A folder with the log of a Delta table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.task_process.spark.tables.support import COMMITS, commit


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "_delta_log").mkdir()
    for version, actions in enumerate(COMMITS):
        commit(str(tmp_path), version, *actions)
    (tmp_path / "_delta_log" / "_last_checkpoint").write_text("{}")
    return str(tmp_path)
