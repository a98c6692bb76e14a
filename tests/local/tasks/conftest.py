"""A bundle whose tasks are built, without a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.support import python_task, write_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a bundle with a file of each kind."""
    files = {"main.py": "", "notebook.py": "", "src/query.sql": ""}
    return write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, files).parent
