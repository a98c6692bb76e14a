"""Rules for times: their casts, parts and patterns. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.time import format_time

from .databricks_sql import DatabricksDialect, NodeRule, Tree, fill, read_difference

_TYPE = exp.DataType.Type
_DATES = (exp.CurrentDate, exp.TsOrDsToDate, exp.TsOrDsAdd, exp.StrToDate, exp.LastDay)
_DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_DAYS_OF_WEEK = ("DAYOFWEEK", "DOW")
_UNITS = {"DD": "DAY", "MM": "MONTH", "MON": "MONTH", "YYYY": "YEAR", "YY": "YEAR"}
_ZONE = re.compile(r"(?:[+-]\d\d?:?\d\d|Z|[A-Za-z]{3,})$")
_DEFAULT_FORMAT = "%Y-%mstrict-%dstrict %Hstrict:%Mstrict:%Sstrict"
_FORMATTED = (exp.TimeToStr, exp.UnixToStr)
_PARSED = (exp.StrToTime, exp.StrToDate, exp.StrToUnix, exp.TsOrDsToDate)
# Letters of a pattern: for a time zone its text in UTC, for another part its value in DuckDB.
_ZONE_LETTERS = {
    **dict.fromkeys(("X", "XX", "XXX"), "Z"),
    **dict.fromkeys(("z", "VV"), "UTC"),
    **dict.fromkeys(("Z", "xx"), "+0000"),
    "x": "+00",
    "xxx": "+00:00",
}
_PART_LETTERS = {
    "Q": "quarter(:time)",
    "QQ": "'0' || quarter(:time)",
    "QQQ": "'Q' || quarter(:time)",
    "S": "left(strftime(:time, '%f'), 1)",
    "SS": "left(strftime(:time, '%f'), 2)",
    "k": "coalesce(nullif(hour(:time), 0), 24)",
}
# Characters that stand for these letters in a pattern of strftime, as no pattern has them.
_MARKS = {each: chr(0xE000 + at) for at, each in enumerate((*_ZONE_LETTERS, *_PART_LETTERS))}
_ZONES = {_MARKS[each]: text for each, text in _ZONE_LETTERS.items()}
_PARTS = {_MARKS[each]: value for each, value in _PART_LETTERS.items()}


def _subtract_dates(arguments: list[Tree]) -> Tree:
    """Without a unit, ``datediff()`` counts days between dates, also of two times."""
    difference = read_difference(arguments)
    if difference.args.get("unit") is None:
        for name in ("this", "expression"):
            difference.set(name, exp.TsOrDsToDate(this=difference.args[name]))
    return difference


class PatternDialect(DatabricksDialect):
    """Databricks with all letters of patterns of times."""

    TIME_MAPPING = {**DatabricksDialect.TIME_MAPPING, "SSS": "%g", "DDD": "%j", **_MARKS}  # noqa: RUF012

    class Parser(DatabricksDialect.Parser):
        FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {  # type: ignore[misc]
            **DatabricksDialect.Parser.FUNCTIONS,
            "DATEDIFF": _subtract_dates,
            "DATE_DIFF": _subtract_dates,
            # The base class does not read its pattern.
            "TO_UNIX_TIMESTAMP": DatabricksDialect.Parser.FUNCTIONS["UNIX_TIMESTAMP"],
        }


def read_pattern(pattern: Tree) -> str:
    """Return the pattern of strftime for a text of Databricks."""
    return str(PatternDialect.format_time(pattern)).strip("'").replace("strict", "")


def _read_times(node: exp.Cast) -> Tree:
    """A time may be a number of seconds, or a text with a zone, which DuckDB refuses or ignores."""
    if node.to.this != _TYPE.TIMESTAMP:
        return node
    value = node.this
    is_plain = isinstance(value, exp.Literal) and value.is_string and not _ZONE.search(value.name)
    if is_plain or (isinstance(value, exp.Cast) and value.to.this in exp.DataType.TEMPORAL_TYPES):
        return node
    prefix = "try_" if isinstance(node, exp.TryCast) else ""
    return exp.func(f"lakeflow_{prefix}timestamp", value.copy())


def _keep_dates(node: Tree) -> Tree:
    """A date and days are a date on Databricks, and a timestamp in DuckDB."""
    if isinstance(node, exp.AddMonths):
        node.set("this", exp.cast(node.this.copy(), "date"))
    is_other = isinstance(node, (exp.Add, exp.Sub)) and not _is_shifted_date(node)
    if is_other or isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "date")


def _is_shifted_date(node: exp.Binary) -> bool:
    interval = node.expression
    unit = interval.text("unit").upper().rstrip("S") if isinstance(interval, exp.Interval) else ""
    return unit in _DAYS and is_date(node.this)


def is_date(node: Tree) -> bool:
    if isinstance(node, exp.Cast):
        return bool(node.to.this == _TYPE.DATE)
    if isinstance(node, (exp.Add, exp.Sub)):
        return _is_shifted_date(node)
    return isinstance(node, _DATES)


def _truncate_dates(node: exp.DateTrunc | exp.TimestampTrunc) -> Tree:
    """``trunc()`` has a date as its result, and ``date_trunc()`` a time, also of texts."""
    kind = "date" if isinstance(node, exp.DateTrunc) else "timestamp"
    unit = node.text("unit").upper()
    arguments = [exp.Literal.string(_UNITS.get(unit, unit)), exp.cast(node.this.copy(), kind)]
    return exp.cast(exp.Anonymous(this="date_trunc", expressions=arguments), kind)


def _count_whole_units(node: exp.DateDiff | exp.TimestampDiff) -> Tree:
    """``datediff(unit, …)`` counts whole units on Databricks, and their bounds in DuckDB."""
    unit = node.args.get("unit")
    if unit is None:
        return node
    ends = [exp.cast(each.copy(), "timestamp") for each in (node.expression, node.this)]
    if months := _MONTHS.get(unit.name.upper()):
        return exp.func("lakeflow_months", *ends, exp.Literal.number(months))
    name = exp.Literal.string(unit.name.upper())
    return exp.Anonymous(this="date_sub", expressions=[name, *ends])


def _count_months(node: exp.MonthsBetween) -> Tree:
    """``months_between()`` rounds to 8 digits unless its last argument is false."""
    count = exp.func("lakeflow_months_between", node.this.copy(), node.expression.copy())
    is_exact = node.args.get("roundoff") == exp.false()
    return count if is_exact else exp.func("round", count, exp.Literal.number(8))


def _convert_zones(node: exp.ConvertTimezone | exp.AtTimeZone) -> Tree:
    """``from_utc_timestamp()`` reads a time in UTC. Databricks has no AT TIME ZONE."""
    if isinstance(node, exp.ConvertTimezone) and not node.args.get("source_tz"):
        node.set("source_tz", exp.Literal.string("UTC"))
    is_inner = isinstance(node.parent, exp.AtTimeZone)
    if isinstance(node, exp.AtTimeZone) and not isinstance(node.this, exp.AtTimeZone) | is_inner:
        utc = exp.AtTimeZone(this=node.this.copy(), zone=exp.Literal.string("UTC"))
        node.set("this", utc)
    return node


def _read_patterns(node: Tree) -> Tree:
    """Read what strftime lacks in a pattern: quoted texts, zones, and parts such as quarters."""
    form = node.args.get("format")
    if not isinstance(form, exp.Literal):
        return node
    text = re.sub("'([^']*)'", _unquote, form.name)
    if isinstance(node, _PARSED):
        text = re.sub(f"[{''.join(_ZONES)}]", "%z", text)
        node.set("format", exp.Literal.string(text))
        if "%z" in text:  # strptime does not know the Z
            node.set("this", fill("regexp_replace(:value, 'Z$', '+00')", value=node.this))
            return exp.cast(node.copy(), "timestamp") if isinstance(node, exp.StrToTime) else node
        return node
    text = re.sub(f"[{''.join(_ZONES)}]", lambda mark: _ZONES[mark[0]], text)
    node.set("format", exp.Literal.string(text))
    pieces = re.split(f"([{''.join(_PARTS)}])", text)
    if len(pieces) == 1:
        return node
    value = node.this if isinstance(node, exp.TimeToStr) else exp.func("to_timestamp", node.this)
    time = exp.cast(value, "timestamp")
    found: list[Tree] = []
    for piece in filter(None, pieces):
        if piece in _PARTS:
            found.append(fill(f"CAST({_PARTS[piece]} AS TEXT)", time=time))
        else:
            found.append(exp.TimeToStr(this=time.copy(), format=exp.Literal.string(piece)))
    return exp.paren(functools.reduce(lambda one, two: exp.DPipe(this=one, expression=two), found))


def _unquote(text: re.Match[str]) -> str:
    """Restore a text, in which letters were taken for parts of a time."""
    mapping, trie = PatternDialect.INVERSE_TIME_MAPPING, PatternDialect.INVERSE_TIME_TRIE
    return str(format_time(text[1], mapping, trie)) if text[1] else "'"


def _find_epochs(node: exp.StrToUnix) -> Tree:
    """``unix_timestamp()`` takes times too, and has an integer as its result."""
    if node.text("format") == _DEFAULT_FORMAT or not node.args.get("format"):
        return exp.func("lakeflow_epoch", node.this.copy())
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "bigint")


def _extract_parts(node: exp.Extract) -> Tree:
    """A Sunday is 1 on Databricks, and 0 in DuckDB. Seconds have a fraction."""
    part = node.name.upper()
    if node.expression.is_string:
        node.set("expression", exp.cast(node.expression.copy(), "timestamp"))
    if part in _DAYS_OF_WEEK:
        return exp.DayOfWeek(this=node.expression.copy())
    if part in ("DAYOFWEEKISO", "DAYOFWEEK_ISO", "DOW_ISO"):
        return exp.func("isodow", node.expression.copy())
    if part in ("SECOND", "SECONDS"):
        seconds = "CAST(EXTRACT(MICROSECOND FROM :time) / 1000000 AS DECIMAL(8, 6))"
        return fill(seconds, time=node.expression)
    return node


TIME_RULES: tuple[NodeRule, ...] = (
    NodeRule(_read_times, exp.Cast),
    NodeRule(_truncate_dates, exp.DateTrunc, exp.TimestampTrunc),
    NodeRule(_count_whole_units, exp.DateDiff, exp.TimestampDiff),
    NodeRule(_count_months, exp.MonthsBetween),
    NodeRule(_keep_dates, exp.Add, exp.Sub, exp.TsOrDsAdd, exp.AddMonths, exp.DateFromUnixDate),
    NodeRule(_convert_zones, exp.ConvertTimezone, exp.AtTimeZone),
    NodeRule(_read_patterns, *_FORMATTED, *_PARSED),
    NodeRule(_find_epochs, exp.StrToUnix),
    NodeRule(_extract_parts, exp.Extract),
)
