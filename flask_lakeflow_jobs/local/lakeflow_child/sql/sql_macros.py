"""Functions of Databricks as macros of DuckDB, where sqlglot has no translation.

A macro hides a function of DuckDB that has the same name, but behaves differently.
"""

from __future__ import annotations

import re
from typing import Any

import duckdb

_ZERO = (
    "[DIVIDE_BY_ZERO] Division by zero. Use try_divide to tolerate divisor being 0 and return NULL "
    "instead."
)


def _truncated(kind: str, *, is_tried: bool) -> str:
    """Cast to an integer without rounding. The casts of other types fail when they run only."""
    cast = "TRY_CAST" if is_tried else "CAST"
    return (
        "CASE WHEN system.main.typeof(x) IN ('DOUBLE', 'FLOAT') "
        f"THEN {cast}(trunc(TRY_CAST(x AS DOUBLE)) AS {kind}) "
        "WHEN starts_with(system.main.typeof(x), 'DECIMAL') "
        f"THEN {cast}(trunc(TRY_CAST(x AS DECIMAL(38, 10))) AS {kind}) "
        "WHEN starts_with(system.main.typeof(x), 'TIMESTAMP') "
        f"THEN {cast}(floor(epoch(TRY_CAST(x AS TIMESTAMP))) AS {kind}) "
        f"ELSE {cast}(x AS {kind}) END"
    )


def _as_timestamp(*, is_tried: bool) -> str:
    """Cast to a timestamp: a number is of seconds, and a text may have a time zone."""
    cast = "TRY_CAST" if is_tried else "CAST"
    return (
        "CASE WHEN system.main.typeof(x) IN "
        "('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'FLOAT', 'DOUBLE') "
        "OR starts_with(system.main.typeof(x), 'DECIMAL') "
        "THEN make_timestamp(CAST(floor(TRY_CAST(x AS DOUBLE) * 1000000) AS BIGINT)) "
        f"ELSE {cast}({cast}(x AS TIMESTAMPTZ) AS TIMESTAMP) END"
    )


def _type_name() -> str:
    """Return the names of types as Databricks has them."""
    text = "lower(system.main.typeof(x))"
    for own, databricks in (
        ("integer", "int"),
        ("varchar", "string"),
        ("blob", "binary"),
        ("timestamp with time zone", "timestamp"),
        ("hugeint", "bigint"),
        ('"null"', "void"),
    ):
        text = f"replace({text}, '{own}', '{databricks}')"
    return rf"regexp_replace({text}, '^([a-z]+(?:\(\d+,\d+\))?)\[\]$', 'array<\1>')"


# Of lists and of maps; before DuckDB 2, no function takes both.
_SIZE = "len(x)" if duckdb.__version__.startswith("1.") else "cardinality(x)"
_AS_TIME = "CAST(x AS TIMESTAMP)"
_KEEP_FIRST = "list_filter({0}, lambda e, i: list_position({0}, e) = i)"
_MACROS = {
    # called by the translation
    "lakeflow_catalog()": (
        "CASE system.main.current_database() WHEN 'warehouse' THEN 'main' "
        "ELSE system.main.current_database() END"
    ),
    "lakeflow_divisor(x)": f"CASE WHEN x = 0 THEN error('{_ZERO}') ELSE x END",
    "lakeflow_typeof(x)": _type_name(),
    "lakeflow_size(x)": _SIZE,
    "lakeflow_epoch(x)": "CAST(floor(epoch(CAST(x AS TIMESTAMP))) AS BIGINT)",
    "lakeflow_month_days(d)": "(year(d) * 12 + month(d))",
    "lakeflow_months_between(a, b)": (
        "round(CASE WHEN day(CAST(a AS DATE)) = day(CAST(b AS DATE)) OR "
        "(CAST(a AS DATE) = system.main.last_day(CAST(a AS DATE)) AND "
        "CAST(b AS DATE) = system.main.last_day(CAST(b AS DATE))) THEN 0 ELSE "
        "(day(CAST(a AS DATE)) - day(CAST(b AS DATE)) + (epoch(CAST(a AS TIMESTAMP)) % 86400 - "
        "epoch(CAST(b AS TIMESTAMP)) % 86400) / 86400.0) / 31.0 END + "
        "lakeflow_month_days(CAST(a AS DATE)) - lakeflow_month_days(CAST(b AS DATE)), 8)"
    ),
    **{
        f"lakeflow_{prefix}{kind}(x)": _truncated(kind, is_tried=bool(prefix))
        for kind in ("tinyint", "smallint", "int", "bigint")
        for prefix in ("", "try_")
    },
    "lakeflow_timestamp(x)": _as_timestamp(is_tried=False),
    "lakeflow_try_timestamp(x)": _as_timestamp(is_tried=True),
    # the user, whose group is that of the API
    **{
        f"{name}(g)": "g IN ('account users', 'users')"
        for name in ("is_account_group_member", "is_member")
    },
    # times
    "current_timezone()": "current_setting('TimeZone')",
    "monthname(x)": f"strftime({_AS_TIME}, '%b')",
    "dayname(x)": f"strftime({_AS_TIME}, '%a')",
    "last_day(x)": "system.main.last_day(CAST(x AS DATE))",
    **{
        f"{part}(x)": f"system.main.{part}({_AS_TIME})"
        for part in ("quarter", "hour", "minute", "second")
    },
    "isodow(x)": f"system.main.isodow({_AS_TIME})",
    "weekday(x)": f"system.main.isodow({_AS_TIME}) - 1",
    "dayofweek(x)": f"system.main.dayofweek({_AS_TIME}) + 1",
    "timestamp_seconds(x)": "make_timestamp(CAST(x * 1000000 AS BIGINT))",
    "timestamp_millis(x)": "make_timestamp(CAST(x * 1000 AS BIGINT))",
    "timestamp_micros(x)": "make_timestamp(CAST(x AS BIGINT))",
    # numbers
    "safe_add(a, b)": "TRY(a + b)",
    "safe_subtract(a, b)": "TRY(a - b)",
    "safe_multiply(a, b)": "TRY(a * b)",
    "try_sum(x)": "sum(x)",
    "try_avg(x)": "avg(x)",
    "bround(x, n := 0)": "round_even(x, n)",
    "pmod(a, b)": "((a % lakeflow_divisor(b)) + b) % b",
    "zeroifnull(x)": "coalesce(x, 0)",
    "nullifzero(x)": "nullif(x, 0)",
    "monotonically_increasing_id()": "row_number() OVER () - 1",
    "format_number(x, n)": "format('{:,.' || n || 'f}', CAST(x AS DOUBLE))",
    # texts
    "substring_index(s, d, n)": (
        "CASE WHEN n > 0 THEN array_to_string(string_split(s, d)[1:n], d) "
        "WHEN n < 0 THEN array_to_string(string_split(s, d)[n:], d) ELSE '' END"
    ),
    "str_split_regex(s, p)": (
        "system.main.str_split_regex(s, p), (s, p, n) AS CASE WHEN n <= 0 OR n >= "
        "len(system.main.str_split_regex(s, p)) THEN system.main.str_split_regex(s, p) ELSE "
        "list_append(system.main.str_split_regex(s, p)[1:n - 1], substr(s, 1 + CAST("
        "length(array_to_string(system.main.str_split_regex(s, p)[1:n - 1], '')) + "
        "length(array_to_string(regexp_extract_all(s, p)[1:n - 1], '')) AS BIGINT))) END"
    ),
    "find_in_set(s, l)": "coalesce(list_position(string_split(l, ','), s), 0)",
    "mask(s)": (
        "regexp_replace(regexp_replace(regexp_replace(s, '[A-Z]', 'X', 'g'), '[a-z]', 'x', 'g'), "
        "'[0-9]', 'n', 'g')"
    ),
    "url_encode(s)": "replace(system.main.url_encode(s), '%20', '+')",
    "url_decode(s)": "system.main.url_decode(replace(s, '+', '%20'))",
    "regexp_substr(s, p)": ("CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p) END"),
    "str_to_map(s, a := ',', b := ':')": (
        "map_from_entries(list_transform(string_split(s, a), lambda e: struct_pack("
        "k := string_split(e, b)[1], v := string_split(e, b)[2])))"
    ),
    # lists and maps
    "get(l, i)": "CASE WHEN i >= 0 THEN l[i + 1] END",
    "list_distinct(l)": _KEEP_FIRST.format("l"),
    "array_union(a, b)": _KEEP_FIRST.format("list_concat(a, b)"),
    "array_intersect(a, b)": (
        "list_filter(a, lambda e, i: list_contains(b, e) AND list_position(a, e) = i)"
    ),
    "arrays_overlap(a, b)": "list_has_any(a, b)",
    "array_repeat(x, n)": "list_transform(range(n), lambda i: x)",
    "map_from_arrays(k, v)": "map(k, v)",
}

_BY_NAME = {name.partition("(")[0]: f"{name} AS {body}" for name, body in _MACROS.items()}
_CALL = re.compile(r"\b(\w+)\s*\(")

MACRO_NAMES = frozenset(_BY_NAME)
#: A text that calls all of them.
ALL_MACROS = " ".join(f"{name}()" for name in _BY_NAME)


def create_macros(database: Any, created: set[str], text: str) -> None:
    """Create the macros that a text of SQL calls, as all of them take longer than most queries.

    :param created: the names of those that the connection has; new ones are added.
    """
    for name in dict.fromkeys(_CALL.findall(text.lower())):
        if name in _BY_NAME and name not in created:
            created.add(name)
            create_macros(database, created, _BY_NAME[name].partition(" AS ")[2])
            database.execute(f"CREATE OR REPLACE TEMP MACRO {_BY_NAME[name]}")
