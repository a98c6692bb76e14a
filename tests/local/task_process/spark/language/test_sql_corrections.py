"""SQL whose results are those of Databricks."""

# ruff: noqa: E501  # a statement a line

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.sql_corrections import (
    correct_results,
    try_casts,
    write_whole_decimals,
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("left(a, 3)", "left(a, 3)"),
        ("LEFT(a, b - 1)", "left(a, if(((b - 1) < 0), 0, b - 1))"),
        ("f(left(g(a, ')'), (b)))", "f(left(g(a, ')'), if((((b)) < 0), 0, (b))))"),
        ("right(left(a, b), 1)", "right(left(a, if((b < 0), 0, b)), 1)"),
        (
            "trim(a), Instr(t.`b c`, ',')",
            "trim(CAST(a AS STRING)), instr(CAST(t.`b c` AS STRING), ',')",
        ),
        ("trim(BOTH 'x' FROM a), split(upper(a), ','), a RLIKE (b)",) * 2,
        (
            "split(a, '')",
            "if(((CAST(a AS STRING)) == ('')), array(''), array_remove(split(CAST(a AS STRING), ''), ''))",
        ),
        ("'left(a, b)', t LEFT JOIN (SELECT a, b)", "'left(a, b)', t LEFT JOIN (SELECT a, b)"),
        ("left(a", "left(a"),
        ("weekday(a)", "pmod(weekday(a), 7)"),
        (
            "ORDER BY f(a, b) DESC RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW",
            "ORDER BY CAST(f(a, b) AS TIMESTAMP) DESC RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW",
        ),
        (
            "ORDER BY a RANGE BETWEEN CURRENT ROW AND INTERVAL 1 DAY FOLLOWING",
            "ORDER BY CAST(a AS TIMESTAMP) RANGE BETWEEN CURRENT ROW AND INTERVAL 1 DAY FOLLOWING",
        ),
        (
            "ORDER BY a DESC RANGE 6 PRECEDING",
            "ORDER BY CASE typeof(a) WHEN 'date' THEN CAST(unix_date(try_cast(try_cast(CAST(a AS STRING) AS TIMESTAMP_NTZ) AS DATE)) AS DOUBLE) ELSE try_cast(CAST(a AS STRING) AS DOUBLE) END DESC RANGE 6 PRECEDING",
        ),
        ("ORDER BY a RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) + 1",) * 2,
        ("ORDER BY a ROWS BETWEEN 6 PRECEDING AND CURRENT ROW",) * 2,
        (
            "array_except(a, b)",
            "array_except(slice(array_append(a, NULL), 1, size(a)), slice(array_append(b, NULL), 1, size(b)))",
        ),
        ("array_except(a, null)",) * 2,
        (
            "to_json(struct(a, b))",
            r"to_json(struct(a, b), map('timestampFormat', 'yyyy-MM-dd\'T\'HH:mm:ss.SSSXXX'))",
        ),
        ("to_json(a, map('timestampFormat', 'yyyy'))",) * 2,
        ("bround(a, 2)", "bround(CAST(a AS DOUBLE), 2)"),
        ("rint(a)", "bround(CAST(a AS DOUBLE))"),
        ("nvl(ifnull(a, 1), 0)", "coalesce(coalesce(a, 1), 0)"),
        ("to_timestamp(a), timestamp(b)", "CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP)"),
        ("to_timestamp(a, 'yyyy'), TIMESTAMP'2024-01-05'",) * 2,
        (
            "percentile_approx(a, array(0.1, b), 9)",
            (
                "array(get(sort_array(collect_list(a)), CAST(greatest(((ceil((0.1 * (count(a))))) - 1), 0) AS INT)), "
                "get(sort_array(collect_list(a)), CAST(greatest(((ceil((b * (count(a))))) - 1), 0) AS INT)))"
            ),
        ),
        (
            "from_json(a, 'timestamp TIMESTAMP, b INT')",
            "try_cast(from_json(a, 'timestamp STRING, b INT') AS STRUCT<timestamp TIMESTAMP, b INT>)",
        ),
        ("from_json(a, 'b DATE'), from_json(a, b), from_json(a, 't TIMESTAMP', map('x', 'y'))",)
        * 2,
        (
            "collect_list(a) OVER (ORDER BY f(b)) AS c, collect_list(b)",
            "filter(collect_list(a) OVER (ORDER BY f(b)), x -> x IS NOT NULL) AS c, collect_list(b)",
        ),
        ("filter(collect_list(a) OVER w, x -> x IS NOT NULL)",) * 2,
        (
            "approx_percentile(a, 0.5)FILTER(WHERE b)",
            "percentile_disc(0.5) WITHIN GROUP (ORDER BY a)FILTER(WHERE b)",
        ),
        ("percentile_approx(a, 0.5) OVER (PARTITION BY b)",) * 2,
        ("string(a), CAST(b AS STRING)", "CAST(a AS STRING), CAST(b AS STRING)"),
        ("bigint(a), CAST(b AS BIGINT)", "CAST(a AS BIGINT), CAST(b AS BIGINT)"),
        ("date_trunc('DAY', a)", "CAST(date_trunc('DAY', a) AS TIMESTAMP)"),
        ("datediff(DAY, a, b)", "CAST(((datediff(HOUR, a, b)) / 24) AS BIGINT)"),
        (
            "datediff(a, b), regexp_count(c, 'd')",
            "CAST(datediff(a, b) AS INT), CAST(regexp_count(c, 'd') AS INT)",
        ),
        ("timestampdiff(MONTH, a, b)",) * 2,
        ("extract(DOW FROM a), EXTRACT(YEAR FROM b)", "dayofweek(a), extract(YEAR FROM b)"),
        ("date_part('dow', a), datepart('year', a)", "dayofweek(a), datepart('year', a)"),
        ("get_json_object(a, '$.b[0]')",) * 2,
        (
            "CAST(upper(a) AS DATE), try_cast(CAST(b AS DATE) AS STRING), ':: date', c::date",
            "cast(cast(upper(a) AS TIMESTAMP_NTZ) AS DATE), try_cast(cast(cast(b AS TIMESTAMP_NTZ) AS DATE) AS STRING), ':: date', c::TIMESTAMP_NTZ::DATE",
        ),
        ("current_metastore( ), 'current_metastore()'", "'local', 'current_metastore()'"),
        ("to_date(a), to_date(b, 'y')", "to_date(CAST(a AS TIMESTAMP_NTZ)), to_date(b, 'y')"),
        (
            "initcap(a)",
            "array_join(transform(split(CAST(a AS STRING), ' '), element -> concat(upper(left(element, 1)), lower(substring(element, 2)))), ' ')",
        ),
        (
            "nvl(a), left(a), split(f(a), '', 2)",
            "nvl(a), left(a), if(((f(a)) == ('')), array(''), array_remove(split(f(a), '', 2), ''))",
        ),
        (
            "try_to_date(a), try_to_date(b, 'y')",
            "CAST(try_cast(a AS TIMESTAMP_NTZ) AS DATE), CAST(try_to_timestamp(b, 'y') AS DATE)",
        ),
        ("INSERT INTO log (a) SELECT log(a)", "INSERT INTO log (a) SELECT ln(a)"),
        ("power(t.a, 2)", "power(CAST(t.a AS DOUBLE), 2)"),
        ("timestamp_seconds(a)", "CAST(a AS TIMESTAMP)"),
        ("NOT isnan(a)", "NOT coalesce(isnan(a), isnotnull(NULL))"),
        (
            "map(a, 1), map('mode', 'x'), map(), map_from_entries(b)",
            "map_concat(map(a, 1)), map('mode', 'x'), map(), map_concat(map_from_entries(b))",
        ),
        ("log(a), log(10, b), blog(c)", "ln(a), log(10, b), blog(c)"),
        ("1 / try_divide(a, b - 1)", "1 / (a / (nullif(b - 1, 0)))"),
        (
            "approx_count_distinct(a, 0.1), uuid(7)",
            "approx_count_distinct(CAST(a AS STRING)), uuid()",
        ),
    ],
)
def test_sql_has_the_results_of_databricks(statement: str, expected: str) -> None:
    assert correct_results(statement) == expected


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


def test_lenient_casts_are_written_where_sail_has_strict_ones() -> None:
    statement = "CAST(f(a, 'CAST(b AS DOUBLE)') AS DECIMAL(10, 2)), TRY_CAST(c AS FLOAT)"
    nested = "CAST(cast (d AS double) AS INT)"
    assert try_casts(f"{statement}, {nested}") == f"TRY_{statement}, CAST(TRY_{nested[5:]}"
