"""Which decimals in SQL for Sail are written as integers."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.whole_decimals import write_whole_decimals


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("coalesce(x, 0.0) + 1.0", "coalesce(x, 0) + 1.0"),
        ("NVL (x,\n -10.00 )", "NVL (x,\n -10 )"),
        ("if(x > 1.0, x, 0.0)", "if(x > 1.0, x, 0)"),
        ("greatest(least(x, 2.), 1.0)", "greatest(least(x, 2), 1)"),
        (
            "CASE WHEN a = 1.0 THEN 0.0 WHEN b THEN x ELSE coalesce(y, 3.0) END",
            "CASE WHEN a = 1.0 THEN 0 WHEN b THEN x ELSE coalesce(y, 3) END",
        ),
        ("sum(case x when 1.0 then y else 0.0 end)", "sum(case x when 1.0 then y else 0 end)"),
        ("coalesce((SELECT max(1.0) FROM t), 0.0)", "coalesce((SELECT max(1.0) FROM t), 0)"),
    ],
)
def test_whole_decimal_beside_other_values_is_an_integer(statement: str, written: str) -> None:
    assert write_whole_decimals(statement) == written


@pytest.mark.parametrize(
    "statement",
    [
        "if(x > 1.0, 1.0, 0.0)",
        "case when a then 1.0 else 0.0 end",
        "coalesce(NULL, 0.0)",
        "nvl2(x, 1.0, 0.0)",
        "coalesce(x, 0.5)",
        "coalesce(x, 0.0D, 1e0)",
        "coalesce(x, 'a, 0.0')",
        "shop.coalesce(x, 0.0)",
        "round(x, 0.0)",
        "x IN (y, 1.0)",
        "MERGE INTO t USING s ON a WHEN NOT MATCHED THEN INSERT VALUES (s.x, 1.0)",
        "coalesce(x, 0.0",
        "END) ELSE",
    ],
)
def test_other_decimal_is_kept(statement: str) -> None:
    assert write_whole_decimals(statement) == statement
