"""The catalog of Spark, kept in a file while the sessions of several runs change it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from flask_lakeflow_jobs.local.task_process.spark.language.sql_names import quote_name
from flask_lakeflow_jobs.local.task_process.spark.tables.spark_catalog import (
    add_tables,
    load_catalog,
    merge_changes,
    read_description,
    read_source_options,
    save_catalog,
)

Entries = dict[str, dict[str, Any]]
catalogs = st.dictionaries(
    st.sampled_from("abcd"), st.builds(lambda path: {"location": path}, st.sampled_from("xyz"))
)


@given(catalogs, catalogs, catalogs)
def test_merge_applies_own_changes_and_keeps_those_of_others(
    known: Entries, own: Entries, saved: Entries
) -> None:
    merged = merge_changes(known, own, saved)
    for name in "abcd":
        source = saved if own.get(name) == known.get(name) else own
        assert merged.get(name) == source.get(name)


@given(catalogs, catalogs)
def test_merge_of_a_lone_session_is_its_catalog(known: Entries, own: Entries) -> None:
    assert merge_changes(known, own, known) == own


def test_read_description_splits_columns_and_details() -> None:
    rows = [
        ("n", "int"),
        ("day", "string"),
        ("# Partition Information", ""),
        ("# col_name", "data_type"),
        ("day", "string"),
        ("", ""),
        ("# Detailed Table Information", ""),
        ("Type", "MANAGED"),
        ("Location", "/w/t"),
    ]
    columns, details = read_description(rows)
    assert columns == [("n", "int"), ("day", "string")]
    assert (details["Type"], details["Location"]) == ("MANAGED", "/w/t")


def test_read_options_ignores_other_properties() -> None:
    assert read_source_options("[a=b, option.header=true, option.sep=;]") == {
        "header": "true",
        "sep": ";",
    }


def test_quote_name_quotes_each_part() -> None:
    assert quote_name("dev.my`schema.a-b") == "`dev`.`my``schema`.`a-b`"


class Session:
    """A session of Sail with catalogs of its own, which refuses some statements.

    :param lost: names that cannot be created.
    """

    session_id = "1"

    def __init__(self, *catalogs: str, lost: str = "") -> None:
        self._catalogs = catalogs
        self._lost = lost
        self.tables: set[str] = set()
        self.unreadable = ""
        self.conf: Any = self
        self.set = self.get = lambda *_: ""

    def sql(self, statement: str) -> Session:
        name = statement.rpartition(" LOCATION")[0].replace("`", "").removesuffix("USING delta")
        if statement.startswith("CREATE TABLE"):
            if self._lost and self._lost in name:
                raise ValueError("no files")
            self.tables.add(name.removeprefix("CREATE TABLE IF NOT EXISTS ").strip())
        self._answer = statement.replace("`", "")
        return self

    def collect(self) -> list[Any]:
        *_, last = self._answer.split()
        if self._answer == "SHOW CATALOGS":
            return [(name,) for name in self._catalogs]
        if self._answer.startswith("SHOW SCHEMAS"):
            return [("s",)]
        if self._answer.startswith("SHOW TABLES"):
            names = [each for each in sorted(self.tables) if each.startswith(f"{last}.")]
            return [SimpleNamespace(tableName=each[-1], isTemporary=False) for each in names]
        if last == self.unreadable:
            raise ValueError("no files")
        details = {"# Detailed": "", "Type": "MANAGED", "Provider": "delta", "Location": f"/{last}"}
        return [SimpleNamespace(col_name=key, data_type=value) for key, value in details.items()]


def table(name: str) -> dict[str, Any]:
    return {"type": "table", "provider": "delta", "location": f"/{name}"}


def test_entries_that_cannot_be_created_stay_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", str(tmp_path))
    file = tmp_path / "catalog.json"
    saved = {name: table(name) for name in ("main.s.a", "main.s.b", "late.s.c")}
    file.write_text(json.dumps(saved))
    session = Session("main", lost="main.s.b")
    load_catalog(session)
    session.tables.add("main.s.d")
    session.unreadable = "main.s.a"
    save_catalog(session)
    found = json.loads(file.read_text())
    assert {name: found[name] for name in saved} == saved
    assert found["main.s.d"] == table("main.s.d")
    printed = capsys.readouterr()
    assert printed.out.startswith("The table main.s.b of an earlier run cannot be read now: no")
    assert printed.err.startswith("The table main.s.a cannot be read now")
    session.unreadable = ""
    session.tables.remove("main.s.a")
    save_catalog(session)
    assert json.loads(file.read_text()).keys() == {*saved, "main.s.d", "main.s"} - {"main.s.a"}


def test_tables_of_a_pipeline_are_added_to_those_of_sail(tmp_path: Path) -> None:
    def describe(name: str, kind: str, provider: str) -> list[tuple[str, str]]:
        details = [("Type", kind), ("Provider", provider), ("Location", f"file:{tmp_path}/{name}")]
        return [("id", "bigint"), ("# Detailed Table Information", ""), *details]

    answers: dict[str, list[Any]] = {
        "SHOW TABLES IN `sales`": [
            SimpleNamespace(tableName=name, isTemporary=name == "passing")
            for name in ("orders", "empty", "passing", "odd", "seen")
        ],
        "DESCRIBE EXTENDED `sales`.`orders`": describe("orders", "MANAGED", "parquet"),
        "DESCRIBE EXTENDED `sales`.`empty`": describe("empty", "MANAGED", "parquet"),
        "DESCRIBE EXTENDED `sales`.`odd`": describe("odd", "MANAGED", "orc"),
        "DESCRIBE EXTENDED `sales`.`seen`": [
            *describe("seen", "VIEW", "parquet"),
            ("View Text", "SELECT 1"),
        ],
    }

    class Row(tuple[str, str]):
        col_name = property(lambda self: self[0])
        data_type = property(lambda self: self[1])

    def sql(statement: str) -> Any:
        rows = [Row(row) if isinstance(row, tuple) else row for row in answers[statement]]
        return SimpleNamespace(collect=lambda: rows)

    for name in ("orders/a.parquet", "empty/_spark_metadata/0"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps({"main.x.own": {"type": "table"}}))
    add_tables(str(tmp_path), SimpleNamespace(sql=sql), "dev", "sales")
    parquet = {"type": "table", "provider": "parquet"}
    assert json.loads(file.read_text()) == {
        "main.x.own": {"type": "table"},
        "dev.sales": {"type": "schema"},
        "dev.sales.orders": {**parquet, "location": f"{tmp_path}/orders"},
        "dev.sales.empty": {
            **parquet,
            "location": f"{tmp_path}/empty",
            "columns": [["id", "bigint"]],
        },
    }
