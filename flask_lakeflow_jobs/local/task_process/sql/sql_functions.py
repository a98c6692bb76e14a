"""Rules for functions of Databricks which sqlglot translates to something else. Pure.

Functions that it leaves as they are have their meaning from ``sql_macros``.
"""

from __future__ import annotations

import json
import re

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import SqlglotError

from .databricks_sql import NodeRule, Tree
from .sql_calls import is_in_window, replace_call
from .sql_lists import LIST_RULES
from .sql_times import TIME_RULES

_TYPE = exp.DataType.Type
_INTEGERS = {
    _TYPE.TINYINT: "tinyint",
    _TYPE.SMALLINT: "smallint",
    _TYPE.INT: "int",
    _TYPE.BIGINT: "bigint",
}
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)


def _divide(node: exp.Div | exp.IntDiv | exp.Mod) -> Tree:
    """A division by zero is an error on Databricks, and infinite or NULL in DuckDB."""
    divisor = node.expression
    is_checked = isinstance(divisor, exp.Anonymous) and divisor.name == "lakeflow_divisor"
    if not is_checked and not _is_number(divisor):
        node.set("expression", exp.func("lakeflow_divisor", divisor.copy()))
    return node


def _is_number(node: Tree) -> bool:
    literal = node.unnest()
    return isinstance(literal, exp.Literal) and float(literal.name or 0) != 0


def _truncate(node: exp.Cast) -> Tree:
    """A cast to an integer drops the fraction on Databricks, and rounds in DuckDB."""
    if node.to.this not in _INTEGERS:
        return node
    value = node.this
    if isinstance(value, exp.Literal) and value.is_int:
        return node
    prefix = "try_" if isinstance(node, exp.TryCast) else ""
    return exp.func(f"lakeflow_{prefix}{_INTEGERS[node.to.this]}", value.copy())


def _name_groups(node: exp.RegexpReplace) -> Tree:
    """A group is ``$1`` in a replacement of Java, and ``\\1`` in DuckDB."""
    replacement = node.args.get("replacement")
    if isinstance(replacement, exp.Literal) and replacement.is_string:
        text = re.sub(r"(?<!\\)\$(\d)", r"\\\1", replacement.name)
        node.set("replacement", exp.Literal.string(text))
    return node


def _encode(node: exp.Cast) -> Tree:
    """A text and its bytes in UTF-8 are cast to each other; DuckDB writes bytes as ``\\xC3``."""
    value = node.this
    if node.to.this in (_TYPE.BINARY, _TYPE.VARBINARY):
        return exp.func("lakeflow_binary", value.copy())
    is_binary = isinstance(value, (exp.FromBase64, exp.Unhex, exp.Encode)) or (
        isinstance(value, exp.Anonymous) and value.name == "lakeflow_binary"
    )
    if is_binary and node.to.this in exp.DataType.TEXT_TYPES:
        return exp.func("lakeflow_text", value.copy())
    return node


def _count_ranks(node: exp.Window) -> Tree:
    """The number of a row is an INT on Databricks, and a BIGINT in DuckDB."""
    if not isinstance(node.this, _RANKS):
        return node
    number = exp.cast(node.copy(), "int")
    is_result = isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
    name = node.sql("duckdb")
    return exp.alias_(number, name, quoted=True) if is_result else number


def _read_structs(node: exp.FromJson) -> Tree:
    """The schema of ``from_json()`` is that of a table on Databricks, and JSON in DuckDB."""
    schema = node.expression
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


def _skip_nulls(node: exp.IgnoreNulls) -> Tree:
    """``first`` and ``last`` may skip NULL, as ``IGNORE NULLS`` or a second argument says."""
    call = node.this
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


def _begin_at_one(node: exp.Substring) -> Tree:
    """A part of a text from 0 begins at its first letter, which has the number 1."""
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and start.name == "0":
        start.replace(exp.Literal.number(1))
    return node


def _escape_patterns(node: exp.Like | exp.ILike) -> Tree:
    """A pattern of ``LIKE`` has escapes by itself, and in DuckDB only with ``ESCAPE``."""
    pattern = node.expression
    if not isinstance(pattern, (exp.Literal, exp.RawString)) or isinstance(node.parent, exp.Escape):
        return node
    if "\\" not in pattern.name:
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _roll_up(node: exp.Group) -> Tree:
    """``GROUP BY a WITH ROLLUP`` is the older form of ``GROUP BY ROLLUP (a)``."""
    for key in ("rollup", "cube"):
        for each in node.args.get(key) or []:
            if not each.expressions:
                each.set("expressions", node.expressions)
                node.set("expressions", [])
    return node


FUNCTION_RULES: tuple[NodeRule, ...] = (
    *LIST_RULES,
    NodeRule(_skip_nulls, exp.IgnoreNulls),
    NodeRule(replace_call, exp.Expr),
    NodeRule(_count_ranks, exp.Window),
    NodeRule(_divide, exp.Div, exp.IntDiv, exp.Mod),
    NodeRule(_truncate, exp.Cast),
    NodeRule(_encode, exp.Cast),
    *TIME_RULES,
    NodeRule(_name_groups, exp.RegexpReplace),
    NodeRule(_read_structs, exp.FromJson),
    NodeRule(_begin_at_one, exp.Substring),
    NodeRule(_escape_patterns, exp.Like, exp.ILike),
    NodeRule(_roll_up, exp.Group),
)
