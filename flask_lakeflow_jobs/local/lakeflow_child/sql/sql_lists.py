"""Rules for lists, and for functions that call a function with their values. Pure."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp, parse_one

Tree = exp.Expr

# What may be around the call of an aggregate.
_AROUND = (exp.Filter, exp.Window, exp.WithinGroup)


def _count_items(node: Tree) -> Tree:
    """An index begins at 0 in a list, but not in a map."""
    index = node.expressions[0] if isinstance(node, exp.Bracket) and node.expressions else None
    if index is None or node.args.get("offset") or isinstance(index, exp.Slice) or index.is_string:
        return node
    return exp.func("lakeflow_item", node.this.copy(), index.copy())


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


def _fill_lists(node: Tree) -> Tree:
    """``collect_list()`` of no values is an empty list, and NULL in DuckDB."""
    call = node
    while isinstance(call, _AROUND):
        call = call.this
    is_inner = isinstance(node.parent, _AROUND) and node.arg_key == "this"
    if is_inner or not isinstance(call, (exp.ArrayAgg, exp.ArrayUniqueAgg)):
        return node
    return exp.func("coalesce", node.copy(), exp.Array())


def _name_fields(node: Tree) -> Tree:
    """The fields of ``arrays_zip()`` have the names of the columns, or numbers."""
    if not isinstance(node, exp.ArraysZip):
        return node
    lists = node.expressions
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(each.name if isinstance(each, exp.Column) else str(at)),
            expression=parse_one(f"lakeflow_e[{at + 1}]", read="duckdb"),
        )
        for at, each in enumerate(lists)
    ]
    variable = exp.to_identifier("lakeflow_e")
    function = exp.Lambda(this=exp.Struct(expressions=fields), expressions=[variable])
    zipped = exp.func("list_zip", *(each.copy() for each in lists))
    return exp.func("list_transform", zipped, function)


#: Functions of a node of a tree that return what takes its place.
LIST_RULES: tuple[Callable[[Tree], Tree], ...] = (
    _count_items,
    _count_from_zero,
    _fill_lists,
    _name_fields,
)
