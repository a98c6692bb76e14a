"""Rules for lists, and for functions that call a function with their values. Pure."""

from __future__ import annotations

from sqlglot import exp

from .databricks_sql import NodeRule, Tree, fill

# Functions that call a function ``f`` with values of lists or maps: DuckDB has structs in a list.
_ENTRIES = "map_from_entries(list_transform(map_entries(a), lambda e#: {{'k': {}, 'v': {}}}))"
_LAMBDAS = {
    "zip_with": ("list_transform(list_zip(a, b), lambda e#: f)", "e#[1]", "e#[2]"),
    "map_filter": (
        "map_from_entries(list_filter(map_entries(a), lambda e#: f))",
        *("e#.key", "e#.value"),
    ),
    "transform_keys": (_ENTRIES.format("f", "e#.value"), "e#.key", "e#.value"),
    "transform_values": (_ENTRIES.format("e#.key", "f"), "e#.key", "e#.value"),
    "map_zip_with": (
        "map_from_entries(list_transform(list_distinct(map_keys(a) || map_keys(b)), "  # noqa: ISC004
        "lambda e#: {'k': e#, 'v': f}))",
        *("e#", "a[e#]", "b[e#]"),
    ),
    # Each value comes after those that are less.
    "array_sort": (
        "list_transform(list_sort(list_transform(a, lambda e#, i#: {'r': len(list_filter("  # noqa: ISC004
        "a, lambda d#: f < 0)), 'i': i#, 'v': e#})), lambda e#: e#.v)",
        *("d#", "e#"),
    ),
}


# What may be around the call of an aggregate.
_AROUND = (exp.Filter, exp.Window, exp.WithinGroup)


def _apply_lambdas(node: Tree) -> Tree:
    """Call a function on the entries of a map or on pairs, which DuckDB has as structs."""
    if isinstance(node, exp.ArraySort):
        name, arguments = "array_sort", [node.this, node.expression]
    else:
        name, arguments = node.name.lower(), node.expressions
    function = arguments[-1] if name in _LAMBDAS and arguments else None
    if not isinstance(function, exp.Lambda):
        return node
    variables = [each.name.lower() for each in function.expressions]
    # Their names part the variables of DuckDB from those of functions around it.
    template, *values = (
        fill(each.replace("#", f"_{'_'.join(variables)}")) for each in _LAMBDAS[name]
    )
    given = dict(zip(("a", "b"), arguments[:-1], strict=False))
    found = [each.transform(_insert, given) for each in values]
    body = function.this.copy().transform(_insert, dict(zip(variables, found, strict=False)))
    return template.transform(_insert, {**given, "f": exp.paren(body)})


def _insert(node: Tree, values: dict[str, Tree]) -> Tree:
    """Replace names by their values."""
    is_first = isinstance(node.parent, exp.Dot) and node.arg_key == "this"
    is_field = isinstance(node.parent, (exp.Dot, exp.Column)) and not is_first
    is_key = isinstance(node.parent, exp.PropertyEQ) and node.arg_key == "this"
    if not isinstance(node, (exp.Column, exp.Identifier)) or is_field or is_key:
        return node
    if (table := node.text("table").lower()) in values:
        return exp.Dot(this=values[table].copy(), expression=node.this.copy())
    return values[node.name.lower()].copy() if node.name.lower() in values else node


def _count_items(node: exp.Bracket) -> Tree:
    """An index begins at 0 in a list, but not in a map."""
    index = node.expressions[0] if node.expressions else None
    if index is None or node.args.get("offset") or isinstance(index, exp.Slice) or index.is_string:
        return node
    return exp.func("lakeflow_item", node.this.copy(), index.copy())


def _count_from_zero(node: exp.ArrayFilter | exp.Transform) -> Tree:
    """The second variable of a lambda counts from 0, and from 1 in DuckDB."""
    function = node.expression
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        return node
    index = function.expressions[1].name

    def count(part: Tree) -> Tree:
        is_name = isinstance(part.parent, exp.PropertyEQ) and part.arg_key == "this"
        if not isinstance(part, exp.Identifier) or part.name != index:
            return part
        if is_name or part.arg_key == "alias":  # a field of a struct
            return part
        return fill("(:index - 1)", index=part)

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


def _name_fields(node: exp.ArraysZip) -> Tree:
    """The fields of ``arrays_zip()`` have the names of the columns, or numbers."""
    lists = node.expressions
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(each.name if isinstance(each, exp.Column) else str(at)),
            expression=fill(f"lakeflow_e[{at + 1}]"),
        )
        for at, each in enumerate(lists)
    ]
    variable = exp.to_identifier("lakeflow_e")
    function = exp.Lambda(this=exp.Struct(expressions=fields), expressions=[variable])
    zipped = exp.func("list_zip", *(each.copy() for each in lists))
    return exp.func("list_transform", zipped, function)


LIST_RULES: tuple[NodeRule, ...] = (
    NodeRule(_count_items, exp.Bracket),
    NodeRule(_count_from_zero, exp.ArrayFilter, exp.Transform),
    NodeRule(_apply_lambdas, exp.ArraySort, exp.Anonymous),
    NodeRule(_fill_lists, *_AROUND, exp.ArrayAgg, exp.ArrayUniqueAgg),
    NodeRule(_name_fields, exp.ArraysZip),
)
