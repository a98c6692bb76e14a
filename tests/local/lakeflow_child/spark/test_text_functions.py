"""Calls whose results are those of Databricks."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.text_functions import correct_calls


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("left(a, 3)", "left(a, 3)"),
        ("LEFT(a, b - 1)", "left(a, if((b - 1) < 0, 0, b - 1))"),
        ("f(left(g(a, ')'), (b)))", "f(left(g(a, ')'), if(((b)) < 0, 0, (b))))"),
        ("right(left(a, b), 1)", "right(left(a, if((b) < 0, 0, b)), 1)"),
        ("split(a, ',')", "split(a, ',')"),
        ("split(a, '')", "if((a) = '', array(''), array_remove(split(a, ''), ''))"),
        ("'left(a, b)', t LEFT JOIN (SELECT a, b)", "'left(a, b)', t LEFT JOIN (SELECT a, b)"),
        ("left(a", "left(a"),
    ],
)
def test_calls_have_the_results_of_databricks(call: str, expected: str) -> None:
    assert correct_calls(call) == expected
