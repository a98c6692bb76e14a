"""The parameters of a statement, in their types."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.statement_parameters import (
    convert_parameter,
    name_marks,
    read_parameters,
)


def convert(value: str | None, kind: str | None) -> Any:
    return convert_parameter({"name": "p", "value": value, "type": kind})


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("x", None, "x"),
        ("x", "VARCHAR(3)", "x"),
        ("7", "BIGINT", 7),
        (" 7 ", "int", 7),
        ("1.5", "DOUBLE", 1.5),
        ("1.505", "DECIMAL(10, 2)", Decimal("1.51")),
        ("1.5", "DECIMAL", Decimal("2")),
        ("1" * 38, "DECIMAL(38, 0)", Decimal("1" * 38)),
        ("TRUE", "BOOLEAN", True),
        ("2024-01-02", "DATE", date(2024, 1, 2)),
        ("2024-01-02T03:04:05Z", "TIMESTAMP", datetime(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05+02:00", "TIMESTAMP", datetime(2024, 1, 2, 1, 4, 5)),
        (None, "INT", None),
        ("x", "VOID", None),
    ],
)
def test_parameter_has_the_value_of_its_type(value: str, kind: str, expected: Any) -> None:
    converted = convert(value, kind)
    assert (converted, type(converted)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("x", "INT", "The parameter 'p' is 'x', which is not a INT."),
        ("1_0", "INT", "The parameter 'p' is '1_0', which is not a INT."),
        ("NaN", "DECIMAL(3,1)", "The parameter 'p' is 'NaN', which is not a DECIMAL(3,1)."),
        ("1e38", "DECIMAL(38)", "The parameter 'p' is '1e38', which is not a DECIMAL(38)."),
        ("1", "DECIMAL(1,999999999)", "The parameter 'p' has the type DECIMAL(1,999999999), which"),
        ("maybe", "BOOLEAN", "The parameter 'p' is 'maybe', which is not a BOOLEAN."),
        ("2024-13-01", "DATE", "The parameter 'p' is '2024-13-01', which is not a DATE."),
        ("x", "POINT", "The parameter 'p' has the type POINT, which is not known here. Use one"),
    ],
)
def test_parameter_of_another_type_is_refused(value: str, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^The parameter") as caught:
        convert(value, kind)
    assert str(caught.value).startswith(message)


def test_parameter_without_a_name_stands_for_its_mark() -> None:
    statement = name_marks("SELECT ?, '?' AS `?`, :name -- ?\n, ?")
    first, second = read_parameters(
        [{"ordinal": 1, "value": "7", "type": "INT"}, {"ordinal": 2, "value": "x", "type": None}]
    ).items()
    assert statement == f"SELECT :{first[0]}, '?' AS `?`, :name -- ?\n, :{second[0]}"
    assert (first[1], second[1]) == (7, "x")


def test_quoted_name_of_a_parameter_loses_its_quotes() -> None:
    statement = "SELECT :`id`, (:`id`), raw:`id`, a.`b`:`id`, `:`, ':`id`', :`a b`"
    assert name_marks(statement) == (
        "SELECT :id, (:id), raw:`id`, a.`b`:`id`, `:`, ':`id`', :`a b`"
    )
