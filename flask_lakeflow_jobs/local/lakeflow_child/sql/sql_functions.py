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

from .sql_lists import LIST_RULES
from .sql_times import TIME_RULES, is_date, read_pattern

Tree = exp.Expr

_TYPE = exp.DataType.Type
_INTEGERS = {
    _TYPE.TINYINT: "tinyint",
    _TYPE.SMALLINT: "smallint",
    _TYPE.INT: "int",
    _TYPE.BIGINT: "bigint",
}
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)
_CASTS = {
    "bigint": "bigint",
    "smallint": "smallint",
    "tinyint": "tinyint",
    "decimal": "decimal(10, 0)",
    "binary": "binary",
}


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


def _name_groups(node: Tree) -> Tree:
    """A group is ``$1`` in a replacement of Java, and ``\\1`` in DuckDB."""
    replacement = node.args.get("replacement") if isinstance(node, exp.RegexpReplace) else None
    if isinstance(replacement, exp.Literal) and replacement.is_string:
        text = re.sub(r"(?<!\\)\$(\d)", r"\\\1", replacement.name)
        node.set("replacement", exp.Literal.string(text))
    return node


def _encode(node: Tree) -> Tree:
    """A text and its bytes in UTF-8 are cast to each other; DuckDB writes bytes as ``\\xC3``."""
    if not isinstance(node, exp.Cast):
        return node
    value = node.this
    if node.to.this in (_TYPE.BINARY, _TYPE.VARBINARY):
        return exp.func("lakeflow_binary", value.copy())
    is_binary = isinstance(value, (exp.FromBase64, exp.Unhex, exp.Encode)) or (
        isinstance(value, exp.Anonymous) and value.name == "lakeflow_binary"
    )
    if is_binary and node.to.this in exp.DataType.TEXT_TYPES:
        return exp.func("lakeflow_text", value.copy())
    return node


def _count_ranks(node: Tree) -> Tree:
    """The number of a row is an INT on Databricks, and a BIGINT in DuckDB."""
    if not isinstance(node, exp.Window) or not isinstance(node.this, _RANKS):
        return node
    number = exp.cast(node.copy(), "int")
    is_result = isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
    name = node.sql("duckdb")
    return exp.alias_(number, name, quoted=True) if is_result else number


def _read_structs(node: Tree) -> Tree:
    """The schema of ``from_json()`` is that of a table on Databricks, and JSON in DuckDB."""
    schema = node.expression if isinstance(node, exp.FromJson) else None
    if not isinstance(schema, exp.Literal):
        return node
    structure = json.dumps(_structure(schema.name))
    call = exp.Anonymous(
        this="from_json", expressions=[node.this.copy(), exp.Literal.string(structure)]
    )
    return exp.Anonymous(this="TRY", expressions=[call])


def _structure(schema: str) -> object:
    try:
        return _structure_of(exp.DataType.build(schema, dialect=Databricks))
    except (SqlglotError, ValueError):
        return _structure_of(exp.DataType.build(f"STRUCT<{schema}>", dialect=Databricks))


def _structure_of(kind: exp.DataType) -> object:
    if kind.this == _TYPE.STRUCT:
        return {each.name: _structure_of(each.args["kind"]) for each in kind.expressions}
    if kind.this == _TYPE.ARRAY:
        return [_structure_of(kind.expressions[0])]
    return kind.sql("duckdb")


def _call_macros(node: Tree) -> Tree:
    """Give functions to macros which sqlglot translates wrongly, or which are keywords."""
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
    if isinstance(node, exp.NextDay) and not is_date(node.this):
        node.set("this", exp.cast(node.this.copy(), "date"))
    if isinstance(node, exp.ApproxQuantile):
        return exp.func("quantile_disc", node.this.copy(), node.args["quantile"].copy())
    if isinstance(node, exp.JSONExtractScalar):
        return _read_json(node)
    if isinstance(node, exp.Kurtosis):
        return exp.func("kurtosis_pop", node.this.copy())
    if isinstance(node, exp.GroupConcat) and not node.args.get("separator"):
        node.set("separator", exp.Literal.string(""))
    if isinstance(node, exp.Elt):
        texts = [exp.cast(each.copy(), "text") for each in node.expressions]
        return exp.func("list_extract", exp.Array(expressions=texts), node.this.copy())
    if isinstance(node, exp.ArrayRemove):
        return exp.func("lakeflow_remove", node.this.copy(), node.expression.copy())
    if isinstance(node, exp.ArrayPosition):
        return exp.func("lakeflow_position", node.this.copy(), node.expression.copy())
    if isinstance(node, exp.Levenshtein) and (limit := node.args.get("ins_cost")):
        return exp.func("lakeflow_levenshtein", node.this, node.expression, limit)
    if isinstance(node, exp.SHA2) and node.text("length") not in ("", "0", "256"):
        return exp.Anonymous(this="sha2", expressions=[node.this, node.args["length"]])
    if isinstance(node, exp.Replace) and not node.args.get("replacement"):
        node.set("replacement", exp.Literal.string(""))
    if isinstance(node, exp.ToNumber):
        return _read_number(node.this, node.args.get("format"), exp.Cast)
    if isinstance(node, exp.IntDiv):
        return exp.cast(node.copy(), "bigint")
    if isinstance(node, exp.Quantile):
        return exp.func("quantile_cont", _as_double(node.this), node.args["quantile"].copy())
    if isinstance(node, exp.Median):
        node.set("this", _as_double(node.this))
    if isinstance(node, exp.WithinGroup) and isinstance(node.this, exp.PercentileCont):
        ordered = node.expression.expressions[0]
        ordered.set("this", _as_double(ordered.this))
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
    is_compared = isinstance(node.parent, (exp.Predicate, exp.Like, exp.ILike))
    if isinstance(node, exp.Any) and isinstance(node.this, exp.Paren) and not is_compared:
        return exp.LogicalOr(this=node.this.this.copy())
    if isinstance(node, exp.GenerateSeries) and not node.args.get("step"):
        return _count_to(node)
    if (
        isinstance(node, exp.GenerateSeries)
        and is_date(node.args["start"])
        and not isinstance(node.parent, exp.Cast)
    ):
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    return _call_anonymous(node) if isinstance(node, exp.Anonymous) else node


def _as_double(value: Tree) -> Tree:
    """Return a value with which DuckDB does not round to the digits of a decimal."""
    return exp.cast(value.copy(), "double")


def _read_json(node: exp.JSONExtractScalar) -> Tree:
    """A text that is no JSON has NULL at each path, and several values are a text too."""
    found: Tree = node.copy()
    if "[*]" in node.expression.sql("duckdb"):
        found = exp.cast(exp.func("to_json", found), "text")
    return exp.Anonymous(this="TRY", expressions=[found])


def _read_number(value: Tree, form: Tree | None, kind: type[exp.Cast]) -> Tree:
    """Read a number by its pattern, such as ``99,999.9``, as a decimal of this size."""
    whole, _, part = (
        re.sub("[^09.D]", "", form.name if form else "").replace("D", ".").partition(".")
    )
    bare = exp.func("regexp_replace", value.copy(), *map(exp.Literal.string, ("[^0-9.-]", "", "g")))
    to = exp.DataType.build(f"decimal({len(whole + part) or 38}, {len(part)})")
    return kind(this=bare, to=to)


def _skip_nulls(node: Tree) -> Tree:
    """``first`` and ``last`` may skip NULL, as ``IGNORE NULLS`` or a second argument says."""
    call = node.this if isinstance(node, exp.IgnoreNulls) else None
    if not isinstance(call, (exp.First, exp.Last, exp.FirstValue, exp.LastValue)):
        return node
    is_first = isinstance(call, (exp.First, exp.FirstValue))
    if _is_window(call):
        name = exp.FirstValue if is_first else exp.LastValue
        return exp.IgnoreNulls(this=name(this=call.this.copy()))
    value = call.this.copy()
    found = exp.Where(this=exp.not_(exp.Is(this=value, expression=exp.null())))
    function = (exp.First if is_first else exp.Last)(this=value.copy())
    return exp.Filter(this=function, expression=found)


def _format_value(value: Tree, form: exp.Literal) -> Tree:
    """Format a time. DuckDB has no patterns of numbers."""
    if re.search("[09]", form.name):
        return exp.Anonymous(this="to_char", expressions=[value.copy(), form.copy()])
    time = exp.cast(value.copy(), "timestamp")
    return exp.TimeToStr(this=time, format=exp.Literal.string(read_pattern(form)))


def _call_anonymous(node: exp.Anonymous) -> Tree:
    name, arguments = node.name.lower(), node.expressions
    if name == "std":
        return exp.func("stddev_samp", arguments[0].copy())
    if name == "to_varchar" and isinstance(arguments[-1], exp.Literal):
        return _format_value(arguments[0], arguments[1])
    if name == "try_to_number" and len(arguments) > 1:
        return _read_number(arguments[0], arguments[1], exp.TryCast)
    if name in _CASTS and len(arguments) == 1:
        return _truncate(exp.cast(arguments[0].copy(), _CASTS[name]))
    if name == "forall" and len(arguments) > 1:
        size = exp.Anonymous(this="len", expressions=[arguments[0].copy()])
        return exp.paren(exp.EQ(this=_count_found(*arguments[:2]), expression=size))
    if name in ("date_part", "datepart") and isinstance(arguments[0], exp.Literal):
        return exp.Extract(this=exp.var(arguments[0].name), expression=arguments[1].copy())
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
            pattern = exp.Literal.string(read_pattern(arguments[1]))
            value = exp.func("try_strptime", value, pattern)
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


def _count_to(node: exp.GenerateSeries) -> Tree:
    """Count down from the larger end, and by days between dates."""
    start, end = node.args["start"], node.args["end"]
    if is_date(start):
        node.set("step", exp.Interval(this=exp.Literal.string("1"), unit=exp.Var(this="DAY")))
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    down = exp.GT(this=start.copy(), expression=end.copy())
    node.set("step", exp.Case().when(down, exp.Literal.number(-1)).else_(exp.Literal.number(1)))
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
    if not isinstance(pattern, (exp.Literal, exp.RawString)) or isinstance(node.parent, exp.Escape):
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
    *LIST_RULES,
    _skip_nulls,
    _call_macros,
    _count_ranks,
    _divide,
    _truncate,
    _encode,
    *TIME_RULES,
    _name_groups,
    _read_structs,
    _begin_at_one,
    _escape_patterns,
    _roll_up,
)
