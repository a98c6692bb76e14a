"""Calls of functions that have other names or arguments in DuckDB. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks

from .databricks_sql import Tree, fill
from .sql_times import is_date, read_pattern

Rule = Callable[[Any], Tree]


def replace_call(node: Tree) -> Tree:
    """Return what a call is in DuckDB; other nodes as they are."""
    if isinstance(node, exp.Anonymous):
        rule = _UNKNOWN.get((node.name.lower(), len(node.expressions)))
    else:
        rule = _KNOWN.get(type(node))
    return rule(node) if rule else node


def _write(template: str) -> Rule:
    """Return a rule that writes the first arguments, and the whole call, into a text."""

    def write(node: Tree) -> Tree:
        is_unknown = isinstance(node, exp.Anonymous)
        second = node.args.get("quantile", node.expression)
        arguments = node.expressions if is_unknown else [node.this, second]
        values = dict(zip("ab", arguments, strict=False))
        return fill(template, **{key: each for key, each in values.items() if each}, whole=node)

    return write


_WRITE_USER = _write("getvariable('lakeflow_user')")
_TEST_ELEMENTS = _write("array_contains(list_transform(:a, :b), true)")


def _set_empty(argument: str) -> Rule:
    """Return a rule that sets an argument to the empty text, unless it is given."""

    def set_empty(node: Tree) -> Tree:
        if not node.args.get(argument):
            node.set(argument, exp.Literal.string(""))
        return node

    return set_empty


def _aggregate(kind: type[Tree]) -> Rule:
    """Return a rule for functions of windows that are aggregates without one."""

    def aggregate(node: Tree) -> Tree:
        return node if is_in_window(node) else kind(this=node.this.copy())

    return aggregate


def is_in_window(node: Tree) -> bool:
    parent = node.parent
    while isinstance(parent, (exp.IgnoreNulls, exp.RespectNulls)):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _test_any(node: exp.Any) -> Tree:
    """Part the aggregate ``any(condition)`` from the comparison ``x = ANY (…)``."""
    is_compared = isinstance(node.parent, (exp.Predicate, exp.Like, exp.ILike))
    if is_compared or not isinstance(node.this, exp.Paren):
        return node
    return exp.LogicalOr(this=node.this.this.copy())


def _test_some(node: exp.Exists) -> Tree:
    """Part ``exists(list, x -> …)`` from ``EXISTS (SELECT …)``."""
    return _TEST_ELEMENTS(node) if node.expression else node


def _count_elements(node: exp.ArraySize) -> Tree:
    name = "cardinality" if isinstance(node.this, exp.VarMap) else "lakeflow_size"
    return exp.func(name, node.this.copy())


def _choose_text(node: exp.Elt) -> Tree:
    texts = [exp.cast(each.copy(), "text") for each in node.expressions]
    return exp.func("list_extract", exp.Array(expressions=texts), node.this.copy())


def _limit_distance(node: exp.Levenshtein) -> Tree:
    limit = node.args.get("ins_cost")
    return exp.func("lakeflow_levenshtein", node.this, node.expression, limit) if limit else node


def _choose_hash(node: exp.SHA2) -> Tree:
    if node.text("length") in ("", "0", "256"):
        return node
    return exp.Anonymous(this="sha2", expressions=[node.this, node.args["length"]])


def _reduce(node: exp.Reduce) -> Tree:
    """Call the function for the result, which DuckDB does not have, with a list of the result."""
    finish = node.args.get("finish")
    if not isinstance(finish, exp.Lambda):
        return node
    node.set("finish", None)
    return fill("list_extract(list_transform([:node], :finish), 1)", node=node, finish=finish)


def _read_json(node: exp.JSONExtractScalar) -> Tree:
    """A text that is no JSON has NULL at each path, and several values are a text too."""
    has_several = "[*]" in node.expression.sql("duckdb")
    return fill("TRY(CAST(to_json(:node) AS TEXT))" if has_several else "TRY(:node)", node=node)


def _read_variant(cast: type[exp.Cast]) -> Rule:
    def read(node: exp.Anonymous) -> Tree:
        value, path, kind = node.expressions
        text = exp.func("json_extract_string", value.copy(), path.copy())
        return cast(this=text, to=exp.DataType.build(kind.name, dialect=Databricks))

    return read


def _order_doubles(node: exp.WithinGroup) -> Tree:
    """Order doubles: DuckDB rounds a quantile of decimals to their digits."""
    if isinstance(node.this, exp.PercentileCont):
        ordered = node.expression.expressions[0]
        ordered.set("this", exp.cast(ordered.this.copy(), "double"))
    return node


def _count_to(node: exp.GenerateSeries) -> Tree:
    """Count down from the larger end, and by days between dates."""
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    if is_date(start):
        if not step:
            node.set("step", fill("INTERVAL '1' DAY"))
        is_cast = isinstance(node.parent, exp.Cast)
        return node if is_cast else exp.cast(node.copy(), "date[]", dialect="duckdb")
    if not step:
        step = fill("CASE WHEN :start > :end THEN -1 ELSE 1 END", start=start, end=end)
        node.set("step", step)
    return node


def _cast_date(node: exp.NextDay) -> Tree:
    if not is_date(node.this):
        node.set("this", exp.cast(node.this.copy(), "date"))
    return node


def _extract_part(node: exp.Anonymous) -> Tree:
    part, time = node.expressions
    if not isinstance(part, exp.Literal):
        return node
    return exp.Extract(this=exp.var(part.name), expression=time.copy())


def _read_time(kind: str) -> Rule:
    def read(node: exp.Anonymous) -> Tree:
        text, pattern = node.expressions
        form = exp.Literal.string(read_pattern(pattern))
        return fill(f"TRY_CAST(try_strptime(:text, :form) AS {kind})", text=text, form=form)

    return read


def _format(node: Tree, value: Tree, form: Tree | None) -> Tree:
    """Format a time. DuckDB has no patterns of numbers."""
    if not isinstance(form, exp.Literal):
        return node
    if re.search("[09]", form.name):
        return exp.Anonymous(this="to_char", expressions=[value.copy(), form.copy()])
    time = exp.cast(value.copy(), "timestamp")
    return exp.TimeToStr(this=time, format=exp.Literal.string(read_pattern(form)))


def _print(node: exp.Format) -> Tree:
    return exp.Anonymous(this="printf", expressions=[node.this.copy(), *node.expressions])


def _read_number(value: Tree, form: Tree | None, cast: type[exp.Cast]) -> Tree:
    """Read a number by its pattern, such as ``99,999.9``, as a decimal of this size."""
    digits = re.sub("[^09.D]", "", form.name if form else "").replace("D", ".")
    whole, _, part = digits.partition(".")
    bare = fill("regexp_replace(:value, '[^0-9.-]', '', 'g')", value=value)
    to = exp.DataType.build(f"decimal({len(whole + part) or 38}, {len(part)})")
    return cast(this=bare, to=to)


#: Rules for the functions that sqlglot knows.
_KNOWN: dict[type[Tree], Rule] = {
    exp.Any: _test_any,
    exp.ApproxQuantile: _write("quantile_disc(:a, :b)"),
    exp.ArrayPosition: _write("lakeflow_position(:a, :b)"),
    exp.ArrayRemove: _write("lakeflow_remove(:a, :b)"),
    exp.ArraySize: _count_elements,
    exp.CurrentCatalog: _write("lakeflow_catalog()"),
    exp.CurrentDatabase: _write("current_schema()"),
    exp.CurrentUser: _WRITE_USER,
    exp.Elt: _choose_text,
    exp.Exists: _test_some,
    exp.FirstValue: _aggregate(exp.First),
    exp.Format: _print,
    exp.GenerateSeries: _count_to,
    exp.GroupConcat: _set_empty("separator"),
    exp.IntDiv: _write("CAST(:whole AS bigint)"),
    exp.JSONExtractScalar: _read_json,
    exp.Kurtosis: _write("kurtosis_pop(:a)"),
    exp.LastValue: _aggregate(exp.Last),
    exp.Levenshtein: _limit_distance,
    exp.Median: _write("median(CAST(:a AS double))"),
    exp.NextDay: _cast_date,
    exp.Quantile: _write("quantile_cont(CAST(:a AS double), :b)"),
    exp.Reduce: _reduce,
    exp.Replace: _set_empty("replacement"),
    exp.SHA2: _choose_hash,
    exp.SessionUser: _WRITE_USER,
    exp.ToChar: lambda node: _format(node, node.this, node.args.get("format")),
    exp.ToNumber: lambda node: _read_number(node.this, node.args.get("format"), exp.Cast),
    exp.Typeof: _write("lakeflow_typeof(:a)"),
    exp.Uuid: _write("CAST(:whole AS varchar)"),
    exp.WithinGroup: _order_doubles,
}

#: Rules for those that it does not know, by name and number of arguments.
_UNKNOWN: dict[tuple[str, int], Rule] = {
    ("bigint", 1): _write("CAST(:a AS bigint)"),
    ("binary", 1): _write("CAST(:a AS blob)"),
    ("cardinality", 1): _write("lakeflow_size(:a)"),
    ("date_part", 2): _extract_part,
    ("datepart", 2): _extract_part,
    ("decimal", 1): _write("CAST(:a AS decimal(10, 0))"),
    ("every", 1): _write("bool_and(:a)"),
    ("forall", 2): _write("(NOT array_contains(list_transform(:a, :b), false))"),
    ("isnotnull", 1): _write("(NOT :a IS NULL)"),
    ("isnull", 1): _write("(:a IS NULL)"),
    ("smallint", 1): _write("CAST(:a AS smallint)"),
    ("some", 1): _write("bool_or(:a)"),
    ("std", 1): _write("stddev_samp(:a)"),
    ("tinyint", 1): _write("CAST(:a AS tinyint)"),
    ("to_varchar", 2): lambda node: _format(node, *node.expressions),
    ("try_to_date", 1): _write("TRY_CAST(:a AS date)"),
    ("try_to_date", 2): _read_time("date"),
    ("try_to_number", 2): lambda node: _read_number(
        node.expressions[0], node.expressions[1], exp.TryCast
    ),
    ("try_to_timestamp", 1): _write("TRY_CAST(:a AS timestamp)"),
    ("try_to_timestamp", 2): _read_time("timestamp"),
    ("try_variant_get", 3): _read_variant(exp.TryCast),
    ("user", 0): _WRITE_USER,
    ("variant_get", 3): _read_variant(exp.Cast),
}
