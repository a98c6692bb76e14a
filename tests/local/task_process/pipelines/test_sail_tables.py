"""Tables and views of Sail for a pipeline, on a stand-in of Spark with Java."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.sail_tables import (
    SailTables,
    TableIsTaken,
    link_files,
)


class Session:
    """A Spark with Java that notes its statements."""

    def __init__(self, *tables: str) -> None:
        self.statements: list[str] = []
        self.catalog = SimpleNamespace(tableExists=lambda name: name.replace("`", "") in tables)

    def sql(self, statement: str) -> None:
        self.statements.append(statement)
        if statement.startswith("CREATE OR REPLACE VIEW") and "missing" in statement:
            raise ValueError("[TABLE_OR_VIEW_NOT_FOUND] missing")


@pytest.fixture
def session() -> Session:
    return Session("raw.own")


@pytest.fixture
def tables(tmp_path: Path, session: Session) -> SailTables:
    def table(name: str) -> dict[str, str]:
        return {"type": "table", "provider": "parquet", "location": f"/data/{name}"}

    entries: dict[str, Any] = {
        "main.raw": {"type": "schema"},
        "main.raw.a_view": {
            "type": "view",
            "names": ["n"],
            "text": "SELECT * FROM main . raw . orders",
        },
        "main.raw.lost": {"type": "view", "text": "SELECT * FROM missing"},
        "main.raw.mixed": {"type": "view", "text": "SELECT * FROM dev . `raw` . orders"},
        "main.raw.orders": table("main"),
        "dev.raw.orders": table("dev"),
        "dev.raw.own": table("own"),
    }
    (tmp_path / "jvm").mkdir()
    (tmp_path / "jvm" / "offered").mkdir()
    (tmp_path / "catalog.json").write_text(json.dumps(entries))
    code = tmp_path / "code.sql"
    code.write_text("SELECT * FROM main.raw.orders, raw.own")
    pipeline = {"catalog": "main", "schema": "raw", "files": [str(code)]}
    return SailTables(str(tmp_path), session, pipeline)


def test_tables_of_the_own_catalog_and_views_are_offered(
    tables: SailTables, session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.offer()
    created = [each.rstrip() for each in session.statements if each.startswith("CREATE")]
    assert "CREATE TABLE `raw`.`orders`  USING parquet  LOCATION '/data/main'" in created
    assert "CREATE OR REPLACE VIEW `raw`.`a_view` (`n`) AS SELECT * FROM raw . orders" in created
    assert not [each for each in created if "own" in each or "/data/dev" in each]
    printed = capsys.readouterr().out
    assert "cannot read main.raw.lost, which is on Sail: [TABLE_OR_VIEW_NOT_FOUND]" in printed
    assert "cannot read main.raw.mixed, which is on Sail: The pipeline names the table" in printed


def test_pipeline_that_defines_a_saved_table_is_refused(tables: SailTables) -> None:
    tables.offer()
    for name in ("orders", "`raw`.`Orders`", "a_view"):
        with pytest.raises(TableIsTaken, match=r"a task has saved main\.raw\.\w+\. Drop that one"):
            tables.refuse_taken(name)
    tables.refuse_taken("own")
    tables.refuse_taken("gold.orders")


@pytest.mark.parametrize(
    ("name", "other"), [("dev.raw.orders", "main.raw.orders"), ("dev.`raw`.own", "own raw.own")]
)
def test_pipeline_that_names_a_hidden_table_is_refused(
    tables: SailTables, tmp_path: Path, name: str, other: str
) -> None:
    (tmp_path / "code.sql").write_text(f"SELECT * FROM {name}")  # noqa: S608
    with pytest.raises(TableIsTaken, match=rf"reads .*{other} in its place"):
        tables.offer()


def test_files_of_another_file_system_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: str, target: str) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "a.parquet").write_text("rows")
    monkeypatch.setattr(os, "link", link)
    link_files(str(tmp_path), ["day=1/a.parquet"], str(tmp_path / "linked"))
    assert (tmp_path / "linked" / "day=1" / "a.parquet").read_text() == "rows"
