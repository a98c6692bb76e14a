"""Rules for functions of Databricks which sqlglot translates to something else. Pure.

Functions that it leaves as they are have their meaning from ``sql_macros``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError

Tree = exp.Expr

_TYPE = exp.DataType.Type
_INTEGERS = {
    _TYPE.TINYINT: "tinyint",
    _TYPE.SMALLINT: "smallint",
    _TYPE.INT: "int",
    _TYPE.BIGINT: "bigint",
}
_CASTS = {"bigint": "bigint", "smallint": "smallint", "tinyint": "tinyint", "decimal": "decimal"}
_DATES = (exp.CurrentDate, exp.TsOrDsToDate, exp.TsOrDsAdd, exp.StrToDate, exp.LastDay)
_DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
_DAYS_OF_WEEK = ("DAYOFWEEK", "DOW")
_UNITS = {"MM": "MONTH", "MON": "MONTH", "YYYY": "YEAR", "YY": "YEAR"}
# A letter of a pattern that sqlglot leaves, and that of strftime.
_FRACTIONS = {"SSSSSS": "%f", "SSS": "%g"}
_ZONE = re.compile(r"(?:[+-]\d\d?:?\d\d|Z|[A-Za-z]{3,})$")
_DEFAULT_FORMAT = "%Y-%mstrict-%dstrict %Hstrict:%Mstrict:%Sstrict"


def _divide(node: Tree) -> Tree:
    """A division by zero is an error on Databricks, and infinite or NULL in DuckDB."""
    if isinstance(node, (exp.Div, exp.IntDiv, exp.Mod)) and not _is_number(node.expression):
        divisor = node.expression
        if not (isinstance(divisor, exp.Anonymous) and divisor.name == "lakeflow_divisor"):
            node.set("expression", exp.func("lakeflow_divisor", divisor.copy()))
    return node


def _is_number(node: Tree) -> bool:
    literal = node.unnest()
    return isinstance(literal, exp.Literal) and float(literal.name or 0) != 0


def _truncate(node: Tree) -> Tree:
    """A cast to an integer drops the fraction on Databricks, and rounds in DuckDB."""
    if not isinstance(node, exp.Cast) or node.to.this not in _INTEGERS:
        return node
    value = node.this
    if isinstance(value, exp.Literal) and value.is_int:
        return node
    prefix = "try_" if isinstance(node, exp.TryCast) else ""
    return exp.func(f"lakeflow_{prefix}{_INTEGERS[node.to.this]}", value.copy())


def _read_times(node: Tree) -> Tree:
    """A time may be a number of seconds, or a text with a zone, which DuckDB refuses or ignores."""
    if not isinstance(node, exp.Cast) or node.to.this != _TYPE.TIMESTAMP:
        return node
    value = node.this
    is_plain = isinstance(value, exp.Literal) and value.is_string and not _ZONE.search(value.name)
    if is_plain or (isinstance(value, exp.Cast) and value.to.this in exp.DataType.TEMPORAL_TYPES):
        return node
    prefix = "try_" if isinstance(node, exp.TryCast) else ""
    return exp.func(f"lakeflow_{prefix}timestamp", value.copy())


def _keep_dates(node: Tree) -> Tree:
    """A date and days are a date on Databricks, and a timestamp in DuckDB."""
    if isinstance(node.parent, exp.Cast):
        return node
    is_shifted = isinstance(node, (exp.Add, exp.Sub)) and _is_shifted_date(node)
    if is_shifted or isinstance(node, (exp.TsOrDsAdd, exp.AddMonths, exp.DateFromUnixDate)):
        return exp.cast(node.copy(), "date")
    return node


def _is_shifted_date(node: exp.Binary) -> bool:
    interval = node.expression
    unit = interval.text("unit").upper().rstrip("S") if isinstance(interval, exp.Interval) else ""
    return unit in _DAYS and _is_date(node.this)


def _is_date(node: Tree) -> bool:
    if isinstance(node, exp.Cast):
        return bool(node.to.this == _TYPE.DATE)
    if isinstance(node, (exp.Add, exp.Sub)):
        return _is_shifted_date(node)
    return isinstance(node, _DATES)


def _truncate_dates(node: Tree) -> Tree:
    """``trunc()`` has a date as its result."""
    if isinstance(node, exp.DateTrunc):
        unit = node.text("unit").upper()
        arguments = [exp.Literal.string(_UNITS.get(unit, unit)), exp.cast(node.this.copy(), "date")]
        return exp.cast(exp.Anonymous(this="date_trunc", expressions=arguments), "date")
    return node


def _count_whole_units(node: Tree) -> Tree:
    """``datediff(unit, …)`` counts whole units on Databricks, and their bounds in DuckDB."""
    unit = node.args.get("unit") if isinstance(node, (exp.DateDiff, exp.TimestampDiff)) else None
    if unit is None or isinstance(node.this, exp.TsOrDsToDate):
        return node
    ends = [exp.cast(each.copy(), "timestamp") for each in (node.expression, node.this)]
    name = exp.Literal.string(unit.name.upper())
    return exp.Anonymous(this="date_sub", expressions=[name, *ends])


def _convert_zones(node: Tree) -> Tree:
    """``from_utc_timestamp()`` reads a time in UTC. Databricks has no AT TIME ZONE."""
    is_inner = isinstance(node.parent, exp.AtTimeZone)
    if isinstance(node, exp.AtTimeZone) and not isinstance(node.this, exp.AtTimeZone) | is_inner:
        utc = exp.AtTimeZone(this=node.this.copy(), zone=exp.Literal.string("UTC"))
        node.set("this", utc)
    return node


def _read_patterns(node: Tree) -> Tree:
    """Fractions of seconds and quoted texts in a pattern of a time."""
    form = node.args.get("format")
    is_time = isinstance(
        node, (exp.TimeToStr, exp.StrToTime, exp.StrToDate, exp.StrToUnix, exp.UnixToStr)
    )
    if is_time and isinstance(form, exp.Literal) and re.search("SSS|'", form.name):
        text = re.sub("SSSSSS|SSS", lambda match: _FRACTIONS[match[0]], form.name)
        # sqlglot takes a quoted Z for a time zone.
        text = re.sub(r"'([^']*)'", lambda match: match[1].replace("%z", "Z") or "'", text)
        node.set("format", exp.Literal.string(text))
    return node


def _find_epochs(node: Tree) -> Tree:
    """``unix_timestamp()`` takes times too, and has an integer as its result."""
    if not isinstance(node, exp.StrToUnix):
        return node
    if node.text("format") == _DEFAULT_FORMAT or not node.args.get("format"):
        return exp.func("lakeflow_epoch", node.this.copy())
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "bigint")


def _name_groups(node: Tree) -> Tree:
    """A group is ``$1`` in a replacement of Java, and ``\\1`` in DuckDB."""
    replacement = node.args.get("replacement") if isinstance(node, exp.RegexpReplace) else None
    if isinstance(replacement, exp.Literal) and replacement.is_string:
        text = re.sub(r"(?<!\\)\$(\d)", r"\\\1", replacement.name)
        node.set("replacement", exp.Literal.string(text))
    return node


def _read_structs(node: Tree) -> Tree:
    """The schema of ``from_json()`` is that of a table on Databricks, and JSON in DuckDB."""
    schema = node.expression if isinstance(node, exp.FromJson) else None
    if not isinstance(schema, exp.Literal):
        return node
    structure = _structure(schema.name)
    if structure is None:
        return node
    call = exp.Anonymous(
        this="from_json",
        expressions=[node.this.copy(), exp.Literal.string(json.dumps(structure))],
    )
    return exp.Anonymous(this="TRY", expressions=[call])


def _structure(schema: str) -> object | None:
    for text in (schema, f"STRUCT<{schema}>"):
        try:
            return _structure_of(exp.DataType.build(text, dialect=Databricks))
        except (SqlglotError, ValueError):
            continue
    return None


def _structure_of(kind: exp.DataType) -> object:
    if kind.this == _TYPE.STRUCT:
        return {each.name: _structure_of(each.args["kind"]) for each in kind.expressions}
    if kind.this == _TYPE.ARRAY:
        return [_structure_of(kind.expressions[0])]
    return kind.sql("duckdb")


def _call_macros(node: Tree) -> Tree:
    """Give functions to macros which sqlglot translates wrongly, or which are keywords."""
    if isinstance(node, exp.MonthsBetween):
        return exp.func("lakeflow_months_between", node.this.copy(), node.expression.copy())
    if isinstance(node, exp.CurrentDatabase):
        return exp.CurrentSchema()
    if isinstance(node, exp.CurrentCatalog):
        return exp.func("lakeflow_catalog")
    if isinstance(node, exp.Typeof):
        return exp.func("lakeflow_typeof", node.this.copy())
    if isinstance(node, exp.Format):
        return exp.Anonymous(this="printf", expressions=[node.this.copy(), *node.expressions])
    if isinstance(node, exp.ArraySize):
        is_map = isinstance(node.this, exp.VarMap)
        return exp.func("cardinality" if is_map else "lakeflow_size", node.this.copy())
    if isinstance(node, exp.ToChar) and isinstance(form := node.args.get("format"), exp.Literal):
        return _format_value(node.this, form)
    if isinstance(node, exp.NextDay) and not _is_date(node.this):
        node.set("this", exp.cast(node.this.copy(), "date"))
    if isinstance(node, exp.Quantile):
        return exp.func("quantile_cont", node.this.copy(), node.args["quantile"].copy())
    if isinstance(node, exp.Exists) and node.expression:
        found = _count_found(node.this, node.expression)
        return exp.paren(exp.GT(this=found, expression=exp.Literal.number(0)))
    if isinstance(node, exp.Reduce) and isinstance(finish := node.args.get("finish"), exp.Lambda):
        node.set("finish", None)
        inner = exp.Array(expressions=[node.copy()])
        return exp.func(
            "list_extract", exp.func("list_transform", inner, finish.copy()), exp.Literal.number(1)
        )
    if isinstance(node, (exp.FirstValue, exp.LastValue)) and not _is_window(node):
        name = exp.First if isinstance(node, exp.FirstValue) else exp.Last
        return name(this=node.this.copy())
    if isinstance(node, exp.Any) and isinstance(node.this, exp.Paren) and not _is_compared(node):
        return exp.LogicalOr(this=node.this.this.copy())
    if isinstance(node, exp.GenerateSeries) and not node.args.get("step"):
        return _count_to(node)
    if (
        isinstance(node, exp.GenerateSeries)
        and _is_date(node.args["start"])
        and not isinstance(node.parent, exp.Cast)
    ):
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    return _call_anonymous(node) if isinstance(node, exp.Anonymous) else node


def _format_value(value: Tree, form: exp.Literal) -> Tree:
    """Format a time. DuckDB has no patterns of numbers."""
    if not re.search("[a-zA-Z]", re.sub("MI|PR|S", "", form.name)):
        return exp.Anonymous(this="to_char", expressions=[value.copy(), form.copy()])
    pattern = str(Databricks.format_time(form)).strip("'").replace("strict", "")
    time = exp.cast(value.copy(), "timestamp")
    return exp.TimeToStr(this=time, format=exp.Literal.string(pattern))


def _call_anonymous(node: exp.Anonymous) -> Tree:
    name, arguments = node.name.lower(), node.expressions
    if name in _CASTS and len(arguments) == 1:
        return _truncate(exp.cast(arguments[0].copy(), _CASTS[name]))
    if name == "forall" and len(arguments) > 1:
        size = exp.Anonymous(this="len", expressions=[arguments[0].copy()])
        return exp.paren(exp.EQ(this=_count_found(*arguments[:2]), expression=size))
    if name in ("date_part", "datepart") and arguments[0].name.upper() in _DAYS_OF_WEEK:
        return exp.DayOfWeek(this=arguments[1].copy())
    if name == "cardinality" and arguments:
        return exp.func("lakeflow_size", arguments[0].copy())
    if name in ("isnull", "isnotnull"):
        test = exp.Is(this=arguments[0].copy(), expression=exp.null())
        return exp.paren(test if name == "isnull" else exp.not_(test))
    if name in ("some", "every"):
        logical = exp.LogicalOr if name == "some" else exp.LogicalAnd
        return logical(this=arguments[0].copy())
    if name in ("variant_get", "try_variant_get") and len(arguments) == 3:
        kind = exp.DataType.build(arguments[2].name, dialect=Databricks)
        value = exp.func("json_extract_string", arguments[0].copy(), arguments[1].copy())
        return exp.cast(value, kind) if name == "variant_get" else exp.TryCast(this=value, to=kind)
    if name in ("try_to_timestamp", "try_to_date"):
        to = exp.DataType.build("timestamp" if name == "try_to_timestamp" else "date")
        value = arguments[0].copy()
        if len(arguments) > 1:
            pattern = str(Databricks.format_time(arguments[1])).strip("'").replace("strict", "")
            value = exp.func("try_strptime", value, exp.Literal.string(pattern))
        return exp.TryCast(this=value, to=to)
    return node


def _count_found(values: Tree, condition: Tree) -> Tree:
    """Count the values of a list for which a lambda is true."""
    found = exp.Anonymous(this="list_filter", expressions=[values.copy(), condition.copy()])
    return exp.Anonymous(this="len", expressions=[found])


def _is_window(node: Tree) -> bool:
    parent = node.parent
    while isinstance(parent, (exp.IgnoreNulls, exp.RespectNulls)):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _is_compared(node: Tree) -> bool:
    return isinstance(node.parent, (exp.Predicate, exp.Like, exp.ILike))


def _count_to(node: exp.GenerateSeries) -> Tree:
    """Count down from the larger end, and by days between dates."""
    start, end = node.args["start"], node.args["end"]
    if _is_date(start):
        node.set("step", exp.Interval(this=exp.Literal.string("1"), unit=exp.Var(this="DAY")))
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    down = exp.GT(this=start.copy(), expression=end.copy())
    node.set("step", exp.Case().when(down, exp.Literal.number(-1)).else_(exp.Literal.number(1)))
    return node


def _count_from_zero(node: Tree) -> Tree:
    """The second variable of a lambda counts from 0, and from 1 in DuckDB."""
    call = isinstance(node, (exp.ArrayFilter, exp.Transform))
    function = node.expression if call else None
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        return node
    index = function.expressions[1].name

    def count(part: Tree) -> Tree:
        is_name = isinstance(part.parent, exp.PropertyEQ) and part.arg_key == "this"
        if not isinstance(part, exp.Identifier) or part.name != index:
            return part
        if is_name or part.arg_key == "alias":  # a field of a struct
            return part
        return exp.paren(exp.Sub(this=part.copy(), expression=exp.Literal.number(1)))

    function.set("this", function.this.transform(count))
    return node


def _count_days_of_week(node: Tree) -> Tree:
    """A Sunday is 1 on Databricks, and 0 in DuckDB."""
    if isinstance(node, exp.Extract) and node.name.upper() in _DAYS_OF_WEEK:
        return exp.DayOfWeek(this=node.expression.copy())
    return node


def _begin_at_one(node: Tree) -> Tree:
    """A part of a text from 0 begins at its first letter, which has the number 1."""
    start = node.args.get("start") if isinstance(node, exp.Substring) else None
    if isinstance(start, exp.Literal) and start.name == "0":
        start.replace(exp.Literal.number(1))
    return node


def _escape_patterns(node: Tree) -> Tree:
    """A pattern of ``LIKE`` has escapes by itself, and in DuckDB only with ``ESCAPE``."""
    pattern = node.expression if isinstance(node, (exp.Like, exp.ILike)) else None
    if not isinstance(pattern, exp.Literal) or isinstance(node.parent, exp.Escape):
        return node
    if "\\" not in pattern.name:
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _roll_up(node: Tree) -> Tree:
    """``GROUP BY a WITH ROLLUP`` is the older form of ``GROUP BY ROLLUP (a)``."""
    if isinstance(node, exp.Group):
        for key in ("rollup", "cube"):
            for each in node.args.get(key) or []:
                if not each.expressions:
                    each.set("expressions", node.expressions)
                    node.set("expressions", [])
    return node


#: Functions of a node of a tree that return what takes its place.
FUNCTION_RULES: tuple[Callable[[Tree], Tree], ...] = (
    _call_macros,
    _divide,
    _read_times,
    _truncate,
    _truncate_dates,
    _count_whole_units,
    _keep_dates,
    _convert_zones,
    _read_patterns,
    _find_epochs,
    _name_groups,
    _read_structs,
    _count_from_zero,
    _count_days_of_week,
    _begin_at_one,
    _escape_patterns,
    _roll_up,
)
