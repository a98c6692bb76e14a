"""Values of maps by a dot."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.map_keys import read_keys_in_text

#: The types of columns.
KINDS = {"m": "map<string,int>", "t.m": "map<string,int>", "s": "struct<m:map<string,int>>"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("m.a", "m['a'] AS `a`"),
        ("m.`it's here`", r"m['it\'s here'] AS `it's here`"),
        ("t.m.a + 1", "t.m['a'] + 1"),
        ("m.a AS v", "m['a'] AS v"),
        ("s.m", "s.m"),
        ("unknown.a", "unknown.a"),
        ("m", "m"),
    ],
)
def test_value_of_a_map_is_read_by_its_key_and_keeps_its_name(text: str, written: str) -> None:
    assert read_keys_in_text(text, KINDS.__getitem__, is_column=True) == written


def test_value_of_a_map_in_a_condition_has_no_name() -> None:
    assert read_keys_in_text("m.a", KINDS.__getitem__, is_column=False) == "m['a']"
