from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.cli.json_text import format_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)

SUMMARY = {
    "day": "2013-01-01",
    "flights": 842,
    "dropped": {"cancelled": 4},
    "carriers": [{"key": "UA", "delay": 1.5}, {"key": "ÄÖ", "late": None}],
}


def test_format_json_has_lines_for_values_and_tables_for_arrays_of_objects() -> None:
    assert (format_json(json.dumps(SUMMARY)) or "").splitlines() == [
        "day      2013-01-01",
        "flights  842",
        'dropped  {"cancelled": 4}',
        "",
        "carriers:",
        "key  delay  late",
        "UA   1.5",
        "ÄÖ          null",
    ]


def test_format_json_of_an_array_of_objects_is_a_table() -> None:
    assert format_json('[{"a": 1}, {"a": 22}]') == "a\n1\n22"


@pytest.mark.parametrize("text", ["", "Done.", "7", '"x"', "{}", "[]", "[1, 2]", "{", "[" * 99999])
def test_format_json_leaves_other_texts_alone(text: str) -> None:
    assert format_json(text) is None


@given(st.dictionaries(st.text(), values, min_size=1))
def test_format_json_shows_every_name(value: dict[str, Any]) -> None:
    shown = format_json(json.dumps(value))
    assert shown is not None
    assert all(" ".join(name.split()) in " ".join(shown.split()) for name in value)
