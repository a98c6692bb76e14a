"""Elements of arrays at places that are no constants, such as ``a[size(a) - 1]``.

Sail takes a column in the brackets for a name, and refuses another expression. For maps, it takes
both. So the rule asks for the type of what is before the brackets.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sqlglot import exp

from ...sql.databricks_sql import DatabricksDialect, SailDialect, parse_one
from .sail_calls import write_element

#: Returns the type of an expression of a query; an error if it has none there.
FindKind = Callable[[str], str]


def correct_elements(text: str, find_kind: FindKind, *, is_column: bool, is_lenient: bool) -> str:
    """Return an expression in SQL with elements of arrays as calls of a function.

    :param is_column: whether it is a column of a frame, and has a name.
    :param is_lenient: whether a place outside of the array has NULL.
    """
    select = _parse(text)
    is_changed = name_elements(select, find_kind, is_named=is_column, is_lenient=is_lenient)
    return ", ".join(map(_write, select.expressions)) if is_changed else text


def name_elements(
    select: exp.Expr, find_kind: FindKind, *, is_named: bool = True, is_lenient: bool
) -> bool:
    """Write the elements of arrays in a query as calls of a function.

    :param is_named: whether a column of the query keeps its name.
    :return: whether there are any.
    """
    brackets = [
        each
        for each in select.find_all(exp.Bracket)
        if each.parent_select is select and not isinstance(each.expressions[0], exp.Literal)
    ]
    is_changed = False
    for bracket in reversed(brackets):  # the inner ones first
        name, array, place = map(_write, (bracket, bracket.this, bracket.expressions[0]))
        with suppress(Exception):  # the query itself says what is wrong with it
            if find_kind(array).startswith("array"):
                call = _parse(write_element(array, place, is_lenient=is_lenient)).expressions[0]
                is_column = is_named and bracket.parent is select
                is_column = is_column and bracket.arg_key == "expressions"
                bracket.replace(exp.alias_(call, name, quoted=True) if is_column else call)
                is_changed = True
    return is_changed


def _parse(text: str) -> exp.Expr:
    return parse_one(f"SELECT {text}", DatabricksDialect)


def _write(tree: exp.Expr) -> str:
    return tree.sql(SailDialect, normalize_functions=False, comments=False)
