"""Ids of jobs and runs, and keys of tasks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidParameters, InvalidRequest
from flask_lakeflow_jobs.runs.ids import (
    MAX_ID,
    choose_task_keys,
    parse_id,
    parse_run_id,
    validate_task_keys,
)

INVALID_IDS: list[object] = [
    "abc",
    "",
    " 5",
    "-1",
    "1.5",
    "٣",
    "9" * 19,
    "9" * 5000,
    None,
    2.5,
    -1,
    0,
    True,
]
INVALID_IDS += ["1001abc", "+1", "1.0", "1e3", "1\n", "1_0", "²", "0x1", str(MAX_ID + 1)]
INVALID_IDS += [MAX_ID + 1, 10**5000, b"5", [5]]


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_parse_id_accepts_a_number_and_its_text(number: int) -> None:
    assert parse_id(number) == parse_id(str(number)) == parse_run_id(str(number)) == number


def test_parse_run_id_accepts_leading_zeros() -> None:
    assert parse_run_id("0042") == 42


@given(st.text())
def test_parse_run_id_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        run_id = parse_run_id(text)
    except InvalidRequest:
        return
    assert 0 < run_id <= MAX_ID


@pytest.mark.parametrize("value", INVALID_IDS, ids=lambda value: ascii(type(value)))
def test_parse_id_of_anything_else_is_none(value: object) -> None:
    assert parse_id(value) is None
    with pytest.raises(InvalidRequest, match=r"whole number below 2\*\*63, not ") as caught:
        parse_run_id(value)
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(None, None), ("load", ["load"]), (("read", "load"), ["read", "load"])],
)
def test_choose_task_keys_is_a_list(
    keys: str | tuple[str, ...] | None, expected: list[str] | None
) -> None:
    assert choose_task_keys(keys, "only") == expected


@pytest.mark.parametrize("keys", [[], [1], ["load", None]])
def test_choose_task_keys_refuses_a_list_without_keys(keys: list[Any]) -> None:
    with pytest.raises(InvalidParameters, match=r"^'only' ") as raised:
        choose_task_keys(keys, "only")
    assert set(raised.value.messages) == {"only"}


def test_validate_task_keys_accepts_keys_of_the_job() -> None:
    validate_task_keys(["load"], ["read", "load"], "etl")


@pytest.mark.parametrize(
    ("only", "tasks", "expected"),
    [
        (
            ["rad", "load"],
            ["read", "load"],
            "no task 'rad'. Did you mean 'read'? Its tasks: read, load.",
        ),
        (["+read"], ["read"], "no task '+read'. Did you mean 'read'? Its tasks: read."),
        (["read", "load"], [], "no task 'read', 'load'. Its tasks: none."),
        (["x"], ["read", "load", "load"], "no task 'x'. Its tasks: read, load."),
    ],
)
def test_validate_task_keys_names_unknown_keys(
    only: list[str], tasks: list[str], expected: str
) -> None:
    with pytest.raises(
        InvalidParameters, match=re.escape(f"The job 'etl' has {expected}")
    ) as raised:
        validate_task_keys(only, tasks, "etl")
    assert set(raised.value.messages) == {"only"}
