"""Calls of functions in SQL whose results Sail computes otherwise than Databricks. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...sql_statements import read_arguments

#: Returns what a call is for Sail, from its arguments; ``None`` if it stays as it is.
Rule = Callable[..., str | None]

#: How Databricks writes a time in JSON.
MILLISECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"

# Functions that Sail refuses for a column of numbers in place of texts.
_OF_TEXTS = frozenset(
    {"btrim", "initcap", "instr", "ltrim", "regexp_extract", "repeat", "replace", "rtrim"}
    | {"split", "split_part", "trim"}
)
#: The same with operators, which are functions of frames.
OF_TEXTS = _OF_TEXTS | {"ilike", "like", "rlike"}
_NAME = re.compile(r"(?:[\w.]|`[^`]+`)+")
_DAY_OF_WEEK = re.compile(r"'?(?:dow|dayofweek)'?\s+from\s+(.*)", re.IGNORECASE | re.DOTALL)
_TIMESTAMP = re.compile(r"(?<=[\s:<])TIMESTAMP(?=\s*(?:[,>]|$|NOT\b|COMMENT\b))", re.IGNORECASE)


def write_call(name: str, arguments: list[str]) -> str:
    """Write a call for Sail.

    :param name: in lower case.
    """
    if name in _OF_TEXTS and _NAME.fullmatch(arguments[0]):
        arguments = [f"CAST({arguments[0]} AS STRING)", *arguments[1:]]
    rule = _RULES.get((name, len(arguments)))
    if isinstance(rule, str):
        return rule.format(*arguments)
    written = rule(*arguments) if rule else None
    return written or f"{name}({', '.join(arguments)})"


def split_times(schema: str) -> tuple[str, str] | None:
    """Return a schema of JSON with texts in place of times, and the type to cast its value to.

    :return: ``None`` if the schema has no times.
    """
    texts, count = _TIMESTAMP.subn("STRING", schema)
    is_type = re.match(r"\s*(?:array|map|struct)\s*<", schema, re.IGNORECASE)
    return (texts, schema if is_type else f"STRUCT<{schema}>") if count else None


def check_path(path: Any) -> None:
    """Refuse a path of JSON that Sail does not read."""
    if isinstance(path, str) and "[*]" in path:
        raise NotImplementedError(
            f"Sail reads no [*] in a path of JSON ({path}). Parse the text with from_json, and "
            "take the field of each element with transform."
        )


def _check_json_path(text: str, path: str) -> None:
    check_path(path)


def _make_nullable(first: str, second: str) -> str | None:
    if second.upper() == "NULL" or first.startswith("slice(array_append("):  # it is done
        return None
    nullable = (f"slice(array_append({x}, NULL), 1, size({x}))" for x in (first, second))
    return f"array_except({', '.join(nullable)})"


def _read_json(text: str, schema: str) -> str | None:
    kinds = split_times(schema[1:-1]) if schema[:1] in ("'", '"') else None
    return kinds and f"try_cast(from_json({text}, '{kinds[0]}') AS {kinds[1]})"


def _write_percentile(value: str, by: str, accuracy: str = "") -> str:
    match = re.match(r"array\s*\(", by, re.IGNORECASE)
    found = read_arguments(by, match.end()) if match else None
    shares = found[0] if found else [by]
    calls = [
        f"get(sort_array(collect_list({value})), "
        f"CAST(greatest(ceil({each} * count({value})) - 1, 0) AS INT))"
        for each in shares
    ]
    return f"array({', '.join(calls)})" if found else calls[0]


def _split(text: str, by: str, *limit: str) -> str | None:
    if by not in ("''", '""'):
        return None
    call = f"split({', '.join((text, by, *limit))})"
    return f"if(({text}) = '', array(''), array_remove({call}, ''))"


def _cut(name: str) -> Rule:
    def cut(text: str, length: str) -> str | None:
        return None if length.isdecimal() else f"{name}({text}, if(({length}) < 0, 0, {length}))"

    return cut


def _read_date(text: str) -> str | None:
    is_done = text.endswith(" AS TIMESTAMP_NTZ)")
    return None if is_done else f"to_date(CAST({text} AS TIMESTAMP_NTZ))"


def _find_day_of_week(*parts: str) -> str | None:
    match = _DAY_OF_WEEK.fullmatch(" FROM ".join(parts))
    return f"dayofweek({match[1]})" if match else None


def _count_days(name: str) -> Rule:
    def count(unit: str, start: str, end: str) -> str | None:
        return f"({name}(HOUR, {start}, {end}) div 24)" if unit.lower() == "day" else None

    return count


#: Rules by the name of a function and the number of its arguments. Comments say what Sail does.
_RULES: dict[tuple[str, int], str | Rule] = {
    # It refuses two arrays if only one of them may have NULL.
    ("array_except", 2): _make_nullable,
    # It returns a value between two others, and takes no array of shares.
    ("approx_percentile", 2): _write_percentile,
    ("approx_percentile", 3): _write_percentile,
    ("percentile_approx", 2): _write_percentile,
    ("percentile_approx", 3): _write_percentile,
    ("percentile_disc", 2): "percentile_disc({1}) WITHIN GROUP (ORDER BY {0})",
    ("percentile_disc", 3): "percentile_disc({1}) WITHIN GROUP (ORDER BY {0})",
    # It counts the microseconds of a time.
    ("bigint", 1): "CAST({0} AS BIGINT)",
    # It rounds half up.
    ("bround", 1): "bround(CAST({0} AS DOUBLE))",
    ("bround", 2): "bround(CAST({0} AS DOUBLE), {1})",
    ("rint", 1): "bround(CAST({0} AS DOUBLE))",
    # The result for a date has no time zone.
    ("date_trunc", 2): "CAST(date_trunc({0}, {1}) AS TIMESTAMP)",
    # The result is a BIGINT. With a unit, it counts midnights.
    ("date_diff", 2): "CAST(date_diff({0}, {1}) AS INT)",
    ("date_diff", 3): _count_days("date_diff"),
    ("datediff", 2): "CAST(datediff({0}, {1}) AS INT)",
    ("datediff", 3): _count_days("datediff"),
    ("timestampdiff", 3): _count_days("timestampdiff"),
    # A Sunday is 0, and its weekday -1.
    ("date_part", 2): _find_day_of_week,
    ("datepart", 2): _find_day_of_week,
    ("extract", 1): _find_day_of_week,
    ("weekday", 1): "pmod(weekday({0}), 7)",
    # It reads no time with a T.
    ("from_json", 2): _read_json,
    ("to_date", 1): _read_date,
    # It lacks try_to_date.
    ("try_to_date", 1): "CAST(try_cast({0} AS TIMESTAMP_NTZ) AS DATE)",
    ("try_to_date", 2): "CAST(try_to_timestamp({0}, {1}) AS DATE)",
    # It finds nothing with [*].
    ("get_json_object", 2): _check_json_path,
    # It makes a DOUBLE of a decimal and an integer.
    ("ifnull", 2): "coalesce({0}, {1})",
    ("nvl", 2): "coalesce({0}, {1})",
    # It begins a word after each sign.
    ("initcap", 1): (
        "array_join(transform(split({0}, ' '), "
        "w -> concat(upper(left(w, 1)), lower(substring(w, 2)))), ' ')"
    ),
    # It counts a negative length from the other end.
    ("left", 2): _cut("left"),
    ("right", 2): _cut("right"),
    # It takes no value alone.
    ("log", 1): "ln({0})",
    # The result is a BIGINT.
    ("regexp_count", 2): "CAST(regexp_count({0}, {1}) AS INT)",
    # Split by an empty text, it has empty texts at both ends.
    ("split", 2): _split,
    ("split", 3): _split,
    # It writes a time with a T.
    ("string", 1): "CAST({0} AS STRING)",
    # It writes microseconds.
    ("to_json", 1): f"to_json({{0}}, map('timestampFormat', \"{MILLISECONDS}\"))",
    # It drops fractions.
    ("timestamp_seconds", 1): "CAST({0} AS TIMESTAMP)",
    # It takes a number for microseconds.
    ("timestamp", 1): "CAST({0} AS TIMESTAMP)",
    ("to_timestamp", 1): "CAST({0} AS TIMESTAMP)",
}

#: The names of functions whose calls are written otherwise.
CALLS = frozenset(name for name, _ in _RULES) | _OF_TEXTS
