"""Elements of arrays at places that are no constants, such as ``a[size(a) - 1]``.

Sail takes a column in the brackets for a name, and refuses another expression. For maps, it takes
both. So the rule asks for the type of what is before the brackets. A field of the structs in an
array, as in ``filter(a, …).price``, is for Sail one of the array. It reads that of a column.
"""

from __future__ import annotations

from contextlib import suppress

from sqlglot import exp

from ...sql.databricks_sql import DatabricksDialect, parse_one, rewrite_text, write_sql
from ...sql.query_scopes import FindKind
from .call_texts import write_element


def correct_elements(text: str, find_kind: FindKind, *, is_column: bool, is_lenient: bool) -> str:
    """Return an expression in SQL with elements of arrays as calls of a function.

    :param is_column: whether it is a column of a frame, and has a name.
    :param is_lenient: whether a place outside of the array has NULL.
    """
    options = {"is_named": is_column, "is_lenient": is_lenient}
    return rewrite_text(text, lambda select: name_elements(select, find_kind, **options))


def name_elements(
    select: exp.Expr, find_kind: FindKind, *, is_named: bool = True, is_lenient: bool
) -> bool:
    """Write the elements of arrays in a query, and fields of them, as calls of a function.

    :param is_named: whether a column of the query keeps its name.
    :return: whether there are any.
    """
    found = [
        each
        for each in select.find_all(exp.Bracket, exp.Dot)
        if each.parent_select is select and _is_element(each)
    ]
    is_changed = False
    for each in reversed(found):  # the inner ones first
        is_field = isinstance(each, exp.Dot)
        place = each.expression if is_field else each.expressions[0]
        name, array = write_sql(each), write_sql(each.this)
        with suppress(Exception):  # the query itself says what is wrong with it
            if find_kind(array).startswith("array"):
                text = (
                    f"transform({array}, element -> element.{write_sql(place)})"
                    if is_field
                    else write_element(array, write_sql(place), is_lenient=is_lenient)
                )
                call = _parse(text).expressions[0]
                is_column = is_named and each.parent is select and each.arg_key == "expressions"
                each.replace(exp.alias_(call, name, quoted=True) if is_column else call)
                is_changed = True
    return is_changed


def _is_element(tree: exp.Expr) -> bool:
    if isinstance(tree, exp.Bracket):  # with an offset, it is element_at
        return not isinstance(tree.expressions[0], exp.Literal) and not tree.args.get("offset")
    root = tree.this
    while isinstance(root, exp.Dot):
        root = root.this
    return not isinstance(root, exp.Column)


def _parse(text: str) -> exp.Expr:
    return parse_one(f"SELECT {text}", DatabricksDialect)
