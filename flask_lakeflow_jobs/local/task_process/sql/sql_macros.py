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
# Parts of an address, as patterns.
_URL = {
    "PROTOCOL": "^([^:/?#]+):",
    "AUTHORITY": "^[^:/?#]+://([^/?#]*)",
    "USERINFO": "^[^:/?#]+://([^/?#@]*)@",
    "HOST": "^[^:/?#]+://(?:[^/?#@]*@)?([^:/?#]*)",
    "PATH": "^[^:/?#]+://[^/?#]*([^?#]*)",
    "FILE": "^[^:/?#]+://[^/?#]*([^#]*)",
    "QUERY": "[?]([^#]*)",
    "REF": "#(.*)$",
}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Functions whose results are an INT on Databricks, and a BIGINT in DuckDB.
_COUNTS = (
    *("bit_length", "day", "dayofmonth", "dayofyear", "length", "month"),
    *("week", "weekofyear", "year"),
)
_KEEP_FIRST = "list_filter({0}, lambda e, i: list_position({0}, e) = i)"
_MACROS = {
    # called by the translation
    "lakeflow_catalog()": (
        "CASE system.main.current_database() WHEN 'warehouse' THEN 'main' "
        "ELSE system.main.current_database() END"
    ),
    "lakeflow_divisor(x)": f"CASE WHEN x = 0 THEN error('{_ZERO}') ELSE x END",
    "lakeflow_typeof(x)": _type_name(),
    "lakeflow_size(x)": f"CAST({_SIZE} AS INTEGER)",
    "lakeflow_binary(x VARCHAR)": "encode(x), (x BLOB) AS x",
    "lakeflow_text(x)": "decode(x)",
    "to_base64(x VARCHAR)": (
        "system.main.to_base64(encode(x)), (x BLOB) AS system.main.to_base64(x)"
    ),
    # A list counts from 0 on Databricks; only a map has keys of other types.
    "lakeflow_item(x, i BIGINT)": (
        "CASE WHEN starts_with(system.main.typeof(x), 'MAP') THEN x[i] ELSE x[i + 1] END, "
        "(x, i VARCHAR) AS x[i], (x, i DATE) AS map_extract(x, i)[1]"
    ),
    "reverse(x VARCHAR)": "system.main.reverse(x), (x) AS list_reverse(x)",
    "lakeflow_remove(l, e)": (
        "CASE WHEN e IS NOT NULL THEN list_filter(l, lambda v: v IS DISTINCT FROM e) END"
    ),
    "lakeflow_position(l, e)": (
        "CASE WHEN l IS NOT NULL THEN CAST(coalesce(list_position(l, e), 0) AS BIGINT) END"
    ),
    "lakeflow_found(is_found, l)": (
        "CASE WHEN is_found OR len(l) = list_count(l) THEN is_found END"
    ),
    "lakeflow_levenshtein(a, b, n)": (
        "CASE WHEN levenshtein(a, b) > n THEN -1 ELSE levenshtein(a, b) END"
    ),
    "lakeflow_epoch(x)": "CAST(floor(epoch(CAST(x AS TIMESTAMP))) AS BIGINT)",
    "lakeflow_month_days(d)": "(year(d) * 12 + month(d))",
    "lakeflow_months_between(a, b)": (
        "CASE WHEN day(CAST(a AS DATE)) = day(CAST(b AS DATE)) OR "
        "(CAST(a AS DATE) = system.main.last_day(CAST(a AS DATE)) AND "
        "CAST(b AS DATE) = system.main.last_day(CAST(b AS DATE))) THEN 0 ELSE "
        "(day(CAST(a AS DATE)) - day(CAST(b AS DATE)) + (epoch(CAST(a AS TIMESTAMP)) % 86400 - "
        "epoch(CAST(b AS TIMESTAMP)) % 86400) / 86400.0) / 31.0 END + "
        "lakeflow_month_days(CAST(a AS DATE)) - lakeflow_month_days(CAST(b AS DATE))"
    ),
    # Of whole months from one time to a later one, as Java counts them.
    "lakeflow_later(a, b)": (
        "(lakeflow_month_days(b - (a - date_trunc('day', a))) * 32 + day(b - (a - date_trunc("
        "'day', a))) - lakeflow_month_days(a) * 32 - day(a)) // 32"
    ),
    "lakeflow_months(a, b, n)": (
        "CASE WHEN a <= b THEN lakeflow_later(a, b) // n ELSE -(lakeflow_later(b, a) // n) END"
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
        f"{part}(x)": f"CAST(system.main.{part}({_AS_TIME}) AS INTEGER)"
        for part in ("quarter", "hour", "minute", "second", "isodow")
    },
    "weekday(x)": "isodow(x) - 1",
    "dayofweek(x)": f"CAST(system.main.dayofweek({_AS_TIME}) + 1 AS INTEGER)",
    "date_diff(u, a, b)": "CAST(system.main.date_diff(u, a, b) AS INTEGER)",
    **{
        f"{prefix}(y, mo, d, h, mi, s)": (
            "TRY(system.main.make_timestamp(y, mo, d, h, mi, CAST(s AS DOUBLE)))"
            if prefix.startswith("try")
            else "system.main.make_timestamp(y, mo, d, h, mi, CAST(s AS DOUBLE))"
        )
        for prefix in ("make_timestamp_ntz", "make_timestamp_ltz", "try_make_timestamp")
    },
    "make_dt_interval(d := 0, h := 0, m := 0, s := 0)": (
        "to_days(CAST(d AS INTEGER)) + to_hours(h) + to_minutes(m) + to_seconds(s)"
    ),
    "timestamp_seconds(x)": "make_timestamp(CAST(CAST(x AS DECIMAL(38, 6)) * 1000000 AS BIGINT))",
    "timestamp_millis(x)": "make_timestamp(CAST(x AS BIGINT) * 1000)",
    "timestamp_micros(x)": "make_timestamp(CAST(x AS BIGINT))",
    # numbers
    **{f"{name}(x)": f"CAST(system.main.{name}(x) AS INTEGER)" for name in _COUNTS},
    **{
        f"{name}(a, b)": f"CAST(system.main.{name}(a, b) AS INTEGER)"
        for name in ("levenshtein", "strpos")
    },
    "floor(x)": "CAST(system.main.floor(x) AS BIGINT)",
    "ceil(x)": "CAST(system.main.ceil(x) AS BIGINT)",
    "sign(x)": "CAST(system.main.sign(x) AS DOUBLE)",
    "ln(x)": "CASE WHEN x > 0 THEN system.main.ln(x) END",
    "log(x)": "system.main.log(x), (b, x) AS CASE WHEN x > 0 THEN system.main.log(b, x) END",
    "log1p(x)": "ln(1 + x)",
    "expm1(x)": "exp(x) - 1",
    "e()": "exp(1)",
    "sec(x)": "1 / cos(x)",
    "csc(x)": "1 / sin(x)",
    "hypot(a, b)": "sqrt(CAST(a AS DOUBLE) * a + CAST(b AS DOUBLE) * b)",
    "rint(x)": "round_even(CAST(x AS DOUBLE), 0)",
    "isnan(x)": "coalesce(system.main.isnan(x), false)",
    "nanvl(a, b)": "CASE WHEN isnan(CAST(a AS DOUBLE)) THEN b ELSE a END",
    "negative(x)": "-x",
    "positive(x)": "x",
    "try_mod(a, b)": "a % nullif(b, 0)",
    "get_bit(x, n)": "CAST((x >> n) & 1 AS TINYINT)",
    "randn(s := 0)": "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())",
    "width_bucket(x, a, b, n)": (
        "CASE WHEN x IS NOT NULL THEN CAST(least(greatest(system.main.floor("
        "(CASE WHEN a < b THEN x - a ELSE a - x END) / abs(b - a) * n), -1), n) AS BIGINT) + 1 END"
    ),
    "conv(x, f, t)": (
        "upper(to_base(CAST(list_reduce(list_transform(string_split(lower(CAST(x AS VARCHAR)), ''),"
        f" lambda c: CAST(strpos('{_DIGITS}', c) - 1 AS HUGEINT)), lambda a, c: a * f + c)"
        " AS BIGINT), t))"
    ),
    "skewness(x)": (
        "system.main.skewness(x) * (count(x) - 2) / sqrt(count(x) * CAST(count(x) - 1 AS DOUBLE))"
    ),
    "raise_error(x)": "error(x)",
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
    "find_in_set(s, l)": (
        "CASE WHEN s || l IS NOT NULL THEN coalesce(list_position(string_split(l, ','), s), 0) END"
    ),
    "mask(s, u := 'X', l := 'x', d := 'n', o := NULL)": (
        "array_to_string(list_transform(string_split(s, ''), lambda c: coalesce(CASE "
        "WHEN regexp_matches(c, '[[:upper:]]') THEN u WHEN regexp_matches(c, '[[:lower:]]') THEN l "
        "WHEN regexp_matches(c, '[0-9]') THEN d ELSE o END, c)), '')"
    ),
    "btrim(s)": "trim(s), (s, c) AS trim(s, c)",
    "octet_length(x)": (
        "CAST(CASE system.main.typeof(x) WHEN 'BLOB' THEN system.main.octet_length(TRY_CAST("
        "x AS BLOB)) ELSE strlen(CAST(x AS VARCHAR)) END AS INTEGER)"
    ),
    # Letters that sound alike have one number. Vowels part them, H and W do not.
    "soundex(s)": (
        "upper(left(s, 1)) || left(replace(regexp_replace(substr(lakeflow_once("
        "translate(upper(left(s, 1)), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202') "
        "|| translate(regexp_replace(upper(substr(s, 2)), '[HW]', '', 'g'), "
        "'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202')), 2), '[^1-6]', '', 'g'), "
        "'0', '') || '000', 3)"
    ),
    "lakeflow_once(s)": (
        "array_to_string(list_filter(string_split(s, ''), lambda c, i: "
        "i = 1 OR c != substr(s, CAST(i - 1 AS BIGINT), 1)), '')"
    ),
    "luhn_check(s)": (
        "list_sum(list_transform(list_reverse(string_split(s, '')), lambda c, i: CASE "
        "WHEN i % 2 = 1 THEN CAST(c AS INTEGER) ELSE CAST(c AS INTEGER) * 2 // 10 + "
        "CAST(c AS INTEGER) * 2 % 10 END)) % 10 = 0"
    ),
    **{
        f"{prefix}parse_url(u, p)": "CASE p "
        + " ".join(
            f"WHEN '{part}' THEN nullif(regexp_extract(u, '{pattern}', 1), '{none}')"
            for part, pattern in _URL.items()
            for none in ("-" if part in ("PATH", "FILE") else "",)
        )
        + " END, (u, p, k) AS nullif(regexp_extract(u, '[?&]' || k || '=([^&#]*)', 1), '')"
        for prefix in ("", "try_")
    },
    "try_url_decode(s)": "TRY(url_decode(s))",
    "try_parse_json(s)": "TRY_CAST(s AS JSON)",
    "json_array_length(s)": "CAST(TRY(system.main.json_array_length(s)) AS INTEGER)",
    "regexp(s, p)": "regexp_matches(s, p)",
    "is_variant_null(x)": "coalesce(json_type(x) = 'NULL', false)",
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
    "arrays_overlap(a, b)": "lakeflow_found(list_has_any(a, b), list_concat(a, b))",
    "array_contains(l, e)": "lakeflow_found(list_contains(l, e), l)",
    "shuffle(l)": (
        "list_transform(list_sort(list_transform(l, lambda e, i: {'r': random(), 'i': i, 'v': e})),"
        " lambda e: e.v)"
    ),
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
