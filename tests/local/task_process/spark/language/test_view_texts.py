"""Texts of views that Sail keeps without quotes, and reads again."""

# ruff: noqa: S608  # no database gets these queries

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.task_process.spark.language.view_texts import (
    hold_query,
    read_view,
    recreate_view,
)


def keep(query: str) -> str:
    """Return a query without the quotes of its names, as Sail keeps it."""
    text = r"'(?:[^'\\]|\\.)*'"
    return re.sub(
        rf"{text}|`((?:[^`]|``)*)`",
        lambda match: match[0] if match[1] is None else match[1].replace("``", "`"),
        query,
    )


names = st.text("aB` .-/", min_size=1).map(lambda name: "`" + name.replace("`", "``") + "`")
texts = st.text("aB` -)(", min_size=1).map(lambda text: f"'{text}'")


@given(column=names, table=names, text=texts)
def test_kept_query_of_a_view_has_its_quotes(column: str, table: str, text: str) -> None:
    query = f"SELECT {column} FROM {table} WHERE a = {text}"
    kept = keep(f"{hold_query(query)} ")
    assert kept.startswith(f"WITH held AS (SELECT 1 AS held) SELECT * FROM ({query}) -- ")
    assert read_view(kept) == query


@pytest.mark.parametrize("query", ["SELECT 1 AS a", "SELECT ') -- end of the view' AS a"])
def test_query_without_quotes_is_kept_as_it_is(query: str) -> None:
    assert hold_query(query) == query == read_view(f"{query} ")


@pytest.mark.parametrize(
    ("columns", "created"),
    [
        ([], "CREATE OR REPLACE VIEW `main`.`s`.`v` AS SELECT 1 AS a"),
        (["a b"], "CREATE OR REPLACE VIEW `main`.`s`.`v` (`a b`) AS SELECT 1 AS a"),
    ],
)
def test_view_is_created_with_its_columns(columns: list[str], created: str) -> None:
    assert recreate_view("main.s.v", columns, "SELECT 1 AS a") == created
