"""The catalog of Spark, kept in a file while the sessions of several runs change it."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from flask_lakeflow_jobs.local.lakeflow_child.spark_catalog import (
    merge,
    quote_name,
    read_description,
    read_options,
)

Entries = dict[str, dict[str, Any]]
catalogs = st.dictionaries(
    st.sampled_from("abcd"), st.builds(lambda path: {"location": path}, st.sampled_from("xyz"))
)


@given(catalogs, catalogs, catalogs)
def test_merge_applies_own_changes_and_keeps_those_of_others(
    known: Entries, own: Entries, saved: Entries
) -> None:
    merged = merge(known, own, saved)
    for name in "abcd":
        source = saved if own.get(name) == known.get(name) else own
        assert merged.get(name) == source.get(name)


@given(catalogs, catalogs)
def test_merge_of_a_lone_session_is_its_catalog(known: Entries, own: Entries) -> None:
    assert merge(known, own, known) == own


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
    assert read_options("[a=b, option.header=true, option.sep=;]") == {"header": "true", "sep": ";"}


def test_quote_name_quotes_each_part() -> None:
    assert quote_name("dev.my`schema.a-b") == "`dev`.`my``schema`.`a-b`"
