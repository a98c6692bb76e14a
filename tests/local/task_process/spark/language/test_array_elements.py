"""Elements of arrays at places that are no constants."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.array_elements import correct_elements


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("a[n]", "get(a, n) AS `a[n]`"),
        ("m[n]", "m[n]"),
        ("a[0]", "a[0]"),
        ("element_at(a, n)", "element_at(a, n)"),
        ("try_element_at(a, n) + a[n]", "try_element_at(a, n) + get(a, n)"),
    ],
)
def test_element_of_an_array_is_that_of_its_place(text: str, corrected: str) -> None:
    def find_kind(text: str) -> str:
        return "array<int>" if text == "a" else "map<int,int>"

    assert correct_elements(text, find_kind, is_column=True, is_lenient=True) == corrected
