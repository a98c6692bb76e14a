"""Libraries that open files without Python take paths of the workspace."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.native_files import NativeFinder
from flask_lakeflow_jobs.local.lakeflow_child.workspace_paths import WorkspacePaths
from tests.local.conftest import Serve
from tests.local.lakeflow_child.support import notebook_client, result_of

# The names of polars that take paths.
POLARS = """\
def read_csv(source, *, separator=","):
    return source, separator

def concat(items):
    return items

class DataFrame:
    def write_csv(self, file=None):
        return file
"""


@pytest.fixture
def polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for polars, as a task imports it."""
    (tmp_path / "polars.py").write_text(POLARS)
    paths = WorkspacePaths({"/Volumes": f"{tmp_path}/volumes"})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [NativeFinder(paths.translate), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "polars", raising=False)
    yield importlib.import_module("polars")
    sys.modules.pop("polars", None)


def test_paths_of_the_workspace_are_translated(polars: Any, tmp_path: Path) -> None:
    path, local = "/Volumes/main/raw/in/a.csv", f"{tmp_path}/volumes/main/raw/in/a.csv"
    assert polars.read_csv([path, "b.csv"], separator="|") == ([local, "b.csv"], "|")
    assert polars.read_csv(source=Path(path)) == (local, ",")
    assert polars.DataFrame().write_csv(path) == polars.DataFrame().write_csv(file=path) == local
    assert polars.concat([path]) == [path]
    assert polars.read_csv.__name__ == "read_csv"


def test_task_keeps_a_database_in_a_volume(serve: Serve) -> None:
    text = """
import os, sqlite3
os.makedirs("/Volumes/main/default/files/in", exist_ok=True)
with sqlite3.connect("/Volumes/main/default/files/in/shop.db") as database:
    database.execute("CREATE TABLE orders (id INT)")
dbutils.notebook.exit(os.listdir("/Volumes/main/default/files/in"))
"""
    assert result_of(notebook_client(serve, text)) == "['shop.db']"
