"""Modules of a cluster that a task can import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.runtime_modules import RuntimeModules


@pytest.fixture(autouse=True)
def _restored_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    finders = [*sys.meta_path]
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] == "delta"]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def serve(*, is_sail: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_sail:
        monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", "/data/spark")
    dbutils: Any = None
    RuntimeModules(dbutils).install()


def test_delta_lake_can_be_imported_with_sail_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(is_sail=False, monkeypatch=monkeypatch)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("delta.tables")
    serve(is_sail=True, monkeypatch=monkeypatch)
    tables = importlib.import_module("delta.tables")
    assert importlib.import_module("delta").DeltaTable is tables.DeltaTable


def test_module_delta_of_the_bundle_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "delta.py").write_text("own = True")
    serve(is_sail=True, monkeypatch=monkeypatch)
    assert importlib.import_module("delta").own
