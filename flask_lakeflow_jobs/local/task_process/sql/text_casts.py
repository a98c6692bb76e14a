"""Texts beside numbers and booleans, which Databricks casts. Sail and DuckDB refuse them. Pure.

Databricks makes a BIGINT of a text beside a whole number, a BOOLEAN beside a boolean, and else a
DOUBLE (its "SQL data type rules"). It computes two texts only while a session is lenient, with
their DOUBLE.
"""

from __future__ import annotations

from contextlib import suppress

from sqlglot import exp

from .databricks_sql import rewrite_text, write_sql
from .query_scopes import FindKind
from .result_names import find_result_name

_CALCULATIONS = (exp.Add, exp.Div, exp.IntDiv, exp.Mod, exp.Mul, exp.Sub)
_OF_NUMBERS = (exp.Abs, exp.Avg, exp.Ceil, exp.Floor, exp.Neg, exp.Round, exp.Sqrt, exp.Sum)
_COMPARISONS = (exp.EQ, exp.In, exp.NEQ, exp.NullSafeEQ)
_TEXT = "string"
_WHOLE = ("bigint", "int", "smallint", "tinyint")
_FRACTIONS = ("decimal", "double", "float")


def choose_casts(
    kinds: list[str], *, is_comparison: bool = False, is_lenient: bool
) -> list[str | None]:
    """Return the types to which the operands of a calculation or a comparison are cast.

    :param kinds: the types of the operands. A single one is that of a function of numbers.
    :return: ``None`` for no cast.
    """
    new: str | None = None
    if is_comparison:
        new = "BOOLEAN" if "boolean" in kinds else None
    elif len(kinds) == 1 or any(each.startswith(_FRACTIONS) for each in kinds):
        new = "DOUBLE"
    elif any(each in _WHOLE for each in kinds):
        new = "DOUBLE" if is_lenient else "BIGINT"
    elif is_lenient and set(kinds) == {_TEXT}:
        new = "DOUBLE"
    return [new if each == _TEXT else None for each in kinds]


def convert_texts(
    select: exp.Expr, find_kind: FindKind, *, is_named: bool = True, is_lenient: bool
) -> bool:
    """Cast the texts in the calculations and comparisons of a query.

    :param is_named: whether a column of the query keeps its name.
    :return: whether there are any.
    """
    found = [
        each
        for each in select.find_all(*_CALCULATIONS, *_OF_NUMBERS, *_COMPARISONS)
        if each.parent_select is select
    ]
    names = [(write_sql(each), find_result_name(each)) for each in select.expressions]
    cast = exp.TryCast if is_lenient else exp.Cast
    is_changed = False
    for each in reversed(found):  # the inner ones first
        operands = [each.this]
        if not isinstance(each, _OF_NUMBERS):
            operands += each.expressions or [each.expression]
        with suppress(Exception):  # the query itself says what is wrong with it
            kinds = [find_kind(write_sql(operand)) for operand in operands]
            is_comparison = isinstance(each, _COMPARISONS)
            casts = choose_casts(kinds, is_comparison=is_comparison, is_lenient=is_lenient)
            for operand, kind in zip(operands, casts, strict=True):
                if kind is not None:
                    operand.replace(cast(this=operand.copy(), to=exp.DataType.build(kind)))
                    is_changed = True
    for column, (before, name) in zip(list(select.expressions), names, strict=True):
        if is_named and name is not None and write_sql(column) != before:
            column.replace(exp.alias_(column.copy(), name, quoted=True))
    return is_changed


def convert_in_text(text: str, find_kind: FindKind, *, is_column: bool, is_lenient: bool) -> str:
    """Return an expression in SQL with the texts in it cast.

    :param is_column: whether it is a column of a frame, and has a name.
    """
    options = {"is_named": is_column, "is_lenient": is_lenient}
    return rewrite_text(text, lambda select: convert_texts(select, find_kind, **options))
