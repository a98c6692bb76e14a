"""Libraries that open files without Python: polars and others, and DuckDB with its SQL."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.native_paths import NativePaths
from flask_lakeflow_jobs.local.task_process.paths import WorkspacePaths
from tests.local.conftest import Serve
from tests.local.task_process.support import notebook_client, result_of

# Names of libraries that take paths.
POLARS = """\
def read_csv(source, *, separator=","):
    return source, separator

def concat(items):
    return items

class DataFrame:
    def write_csv(self, file=None):
        return file
"""
OPENED = """
    def __init__(self, path, mode="r"):
        self.path = path

    def save(self, filename):
        return filename
"""


@pytest.fixture
def load_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Loads a stand-in for a library, as a task imports it: its name and its code."""

    def load(name: str, code: str) -> Any:
        (tmp_path / f"{name}.py").write_text(code)
        paths = WorkspacePaths({"/Volumes": f"{tmp_path}/volumes"})
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
        NativePaths(paths).install()
        monkeypatch.setitem(sys.modules, name, None)  # what was loaded comes back after the test
        del sys.modules[name]
        return importlib.import_module(name)

    return load


def test_paths_of_the_workspace_are_translated(
    load_stand_in: Callable[[str, str], Any], tmp_path: Path
) -> None:
    polars = load_stand_in("polars", POLARS)
    path, local = "/Volumes/main/raw/in/a.csv", f"{tmp_path}/volumes/main/raw/in/a.csv"
    assert polars.read_csv([path, "b.csv"], separator="|") == ([local, "b.csv"], "|")
    assert polars.read_csv(source=Path(path)) == (local, ",")
    assert polars.DataFrame().write_csv(path) == polars.DataFrame().write_csv(file=path) == local
    assert polars.concat([path]) == [path]
    assert polars.read_csv.__name__ == "read_csv"


@pytest.mark.parametrize(
    ("module", "name"),
    [("pyarrow", "OSFile"), ("h5py", "File"), ("pymupdf", "Document"), ("cv2", "VideoCapture")],
)
def test_libraries_that_open_files_without_python_take_paths_of_the_workspace(
    load_stand_in: Callable[[str, str], Any], tmp_path: Path, module: str, name: str
) -> None:
    library = load_stand_in(module, f"class {name}:{OPENED}")
    opened = getattr(library, name)("/Volumes/main/raw/in/a", mode="w")
    assert opened.path == f"{tmp_path}/volumes/main/raw/in/a"


def test_pdf_is_saved_to_a_path_of_the_workspace(
    load_stand_in: Callable[[str, str], Any], tmp_path: Path
) -> None:
    document = load_stand_in("pymupdf", f"class Document:{OPENED}").Document("a.pdf")
    saved = document.save("/Volumes/main/raw/in/a.pdf")
    assert saved == f"{tmp_path}/volumes/main/raw/in/a.pdf"


def test_task_keeps_a_database_in_a_volume(serve: Serve) -> None:
    text = """
import os, sqlite3
os.makedirs("/Volumes/main/default/files/in", exist_ok=True)
with sqlite3.connect("/Volumes/main/default/files/in/shop.db") as database:
    database.execute("CREATE TABLE orders (id INT)")
dbutils.notebook.exit(os.listdir("/Volumes/main/default/files/in"))
"""
    assert result_of(notebook_client(serve, text)) == "['shop.db']"


def test_task_queries_files_of_a_volume_with_duckdb(serve: Serve) -> None:
    pytest.importorskip("duckdb")
    text = """
import duckdb
folder = "/Volumes/main/default/files"
duckdb.sql(f"COPY (SELECT 7 AS n) TO '{folder}/n.csv'")
with duckdb.connect(f"{folder}/n.db") as database:
    database.execute("CREATE TABLE kept AS SELECT ? AS path", [f"{folder}/n.csv"])
    database.read_csv(f"{folder}/n.csv").write_parquet(f"{folder}/n.parquet")
    query = f"SELECT path, n FROM kept, '{folder}/n.parquet'"
    dbutils.notebook.exit(database.sql(query).fetchall())
"""
    assert result_of(notebook_client(serve, text)) == "[('/Volumes/main/default/files/n.csv', 7)]"
