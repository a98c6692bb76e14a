"""The files that define the tables of a pipeline."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.definition_files import DefinitionFiles

NOTEBOOK = """-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Two tables

-- COMMAND ----------

CREATE STREAMING TABLE a AS SELECT 1

-- COMMAND ----------

CREATE MATERIALIZED VIEW b AS SELECT 2
"""


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> DefinitionFiles:
    monkeypatch.setattr(sys, "path", [*sys.path])
    api: Any = SimpleNamespace(allow_changes=lambda: None, register=lambda: None)
    dbutils: Any = SimpleNamespace(notebook_names=dict)
    definitions: Any = None
    return DefinitionFiles(api, definitions, dbutils, None, [], {})


@pytest.mark.parametrize(
    ("text", "registered"),
    [
        (
            NOTEBOOK,
            ["CREATE STREAMING TABLE a AS SELECT 1", "CREATE MATERIALIZED VIEW b AS SELECT 2"],
        ),
        ("SELECT 1; SELECT 2", ["SELECT 1; SELECT 2"]),
    ],
)
def test_cells_of_an_sql_notebook_need_no_semicolon(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: DefinitionFiles,
    text: str,
    registered: list[str],
) -> None:
    file = tmp_path / "tables.sql"
    file.write_text(text)
    found: list[str] = []
    monkeypatch.setattr(files, "_register_sql", lambda text, file: found.append(text))
    files.define(str(file))
    assert [each.strip() for each in found] == registered
    for each in found:  # errors name the lines of the file
        number, line = next(pair for pair in enumerate(each.splitlines()) if pair[1])
        assert text.splitlines()[number] == line


@pytest.mark.parametrize("title", ["", "# Databricks notebook source\n"])
def test_file_imports_modules_beside_it(tmp_path: Path, files: DefinitionFiles, title: str) -> None:
    (tmp_path / "lakeflow_prices.py").write_text("price = 3")
    file = tmp_path / "tables.py"
    file.write_text(f"{title}import lakeflow_prices\nassert lakeflow_prices.price == 3")
    files.define(str(file))
    sys.modules.pop("lakeflow_prices")
