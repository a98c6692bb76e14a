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

from .sql_calls import is_in_window, replace_call
from .sql_lists import LIST_RULES
from .sql_times import TIME_RULES

Tree = exp.Expr

_TYPE = exp.DataType.Type
_INTEGERS = {
    _TYPE.TINYINT: "tinyint",
    _TYPE.SMALLINT: "smallint",
    _TYPE.INT: "int",
    _TYPE.BIGINT: "bigint",
}
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)


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


def _skip_nulls(node: Tree) -> Tree:
    """``first`` and ``last`` may skip NULL, as ``IGNORE NULLS`` or a second argument says."""
    call = node.this if isinstance(node, exp.IgnoreNulls) else None
    if not isinstance(call, (exp.First, exp.Last, exp.FirstValue, exp.LastValue)):
        return node
    is_first = isinstance(call, (exp.First, exp.FirstValue))
    if is_in_window(call):
        name = exp.FirstValue if is_first else exp.LastValue
        return exp.IgnoreNulls(this=name(this=call.this.copy()))
    value = call.this.copy()
    found = exp.Where(this=exp.not_(exp.Is(this=value, expression=exp.null())))
    function = (exp.First if is_first else exp.Last)(this=value.copy())
    return exp.Filter(this=function, expression=found)


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
    replace_call,
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
