"""The groups of queries: their keys, and the aggregates that filter and sort them. Pure."""

from __future__ import annotations

from sqlglot import exp

from ...sql.databricks_sql import Tree, write_sql
from ...sql.query_scopes import Describe, insert_aliases, list_aliases, list_selects
from .query_columns import expand_stars, replace_part, wrap_query

_ROWS = "lakeflow_rows"
_AGGREGATES = ("ANY_VALUE", "APPROX_COUNT_DISTINCT", "BOOL_AND", "BOOL_OR", "EVERY", "MODE")


def lift_aggregates(tree: Tree, describe: Describe) -> Tree:
    """Filter, sort and explode groups in outer queries, where a query does that by aggregates.

    Sail loses those that ORDER BY alone has, and takes a column in HAVING for an alias.
    """
    for select in list_selects(tree):
        lifted = _lift(select) or _lift_rows(select)
        if lifted is not None:
            tree = replace_part(tree, select, lifted)
            expand_stars(lifted, describe)
    return tree


def _lift(select: exp.Select) -> exp.Select | None:
    """Filter and sort groups in an outer query; return ``None`` if the query needs no other."""
    is_taken = _has_taken_column(select)
    if not (is_taken or _sorts_by_aggregate(select)):
        return None
    if select.args.get("distinct") or select.args.get("qualify"):
        return None
    inner = select.copy()
    aliases = list_aliases(select)
    kept: list[str] = []

    def keep(expression: Tree) -> exp.Column:
        """Compute an expression with the groups; return the column that has it."""
        kept.append(f"lakeflow_group_{len(kept)}")
        value = insert_aliases(expression, aliases)
        inner.append("expressions", exp.alias_(value, kept[-1]))
        return exp.column(kept[-1])

    condition = keep(select.args["having"].this) if is_taken else None
    if condition is not None:
        inner.set("having", None)
    names = {each.alias_or_name.lower() for each in select.expressions}
    for term in _list_terms(inner):
        is_bare = isinstance(term.this, exp.Column) and not term.this.table
        if not (is_bare and term.this.name.lower() in names) and not term.this.is_int:
            term.set("this", keep(term.this))
    outer = wrap_query(inner, "grouped", kept)
    if condition is not None:
        outer.set("where", exp.Where(this=condition))
    return outer


def _lift_rows(select: exp.Select) -> exp.Select | None:
    """Make rows of an aggregate in an outer query; return ``None`` if a query makes none."""
    column = select.expressions[0]
    is_single = len(select.expressions) == 1 and isinstance(column.unalias(), exp.UDTF)
    if not (is_single and _has_aggregate(column)):
        return None
    inner, rows = select.copy(), column.copy()
    aggregate = exp.alias_(column.unalias().this.copy(), _ROWS)
    inner.set("expressions", [aggregate])
    outer = wrap_query(inner, "grouped", [])
    rows.unalias().set("this", exp.column(_ROWS))
    outer.set("expressions", [rows])
    return outer


def _list_terms(select: exp.Select) -> list[Tree]:
    """Return the terms that a query is sorted by."""
    order = select.args.get("order")
    return list(order.expressions) if order is not None else []


def _sorts_by_aggregate(select: exp.Select) -> bool:
    """Return whether a query is sorted by an aggregate that it does not select.

    Sail loses one of a column that the query selects too.
    """
    written = [each for each in select.expressions if not each.alias]
    columns = {each.name.lower() for each in written if isinstance(each, exp.Column)}
    return any(
        _has_aggregate(term.this)
        and (
            term.this not in written
            or any(each.name.lower() in columns for each in term.this.find_all(exp.Column))
        )
        for term in _list_terms(select)
    )


def _has_taken_column(select: exp.Select) -> bool:
    """Return whether HAVING aggregates a column that has the name of an alias."""
    aliases, having = list_aliases(select), select.args.get("having")
    aggregates = having.find_all(exp.AggFunc) if having is not None else ()
    columns = (column for each in aggregates for column in each.find_all(exp.Column))
    return any(not each.table and each.name.lower() in aliases for each in columns)


def name_groups(select: exp.Select) -> None:
    """Write keys of groups as expressions where Sail loses them.

    It loses those with a number under windows over rows, and windows of times with an alias.
    """
    times = [each for each in select.expressions if _is_window(each.unalias())]
    if not (times or any(each.find(exp.Window) for each in select.expressions)):
        return
    keys = {each.alias.lower(): each for each in times if each.alias}
    for column in (column for each in times for column in each.find_all(exp.Column)):
        keys.pop(column.name.lower(), None)  # a column comes before an alias
    number_groups(select)
    keys |= {str(number): each for number, each in enumerate(select.expressions, 1)}
    group = select.args.get("group")
    for key in list(group.expressions) if group is not None else ():
        if (key.is_int or isinstance(key, exp.Column)) and key.name.lower() in keys:
            key.replace(keys[key.name.lower()].unalias().copy())


def name_repeated_keys(select: exp.Select) -> None:
    """Write keys of groups by their aliases in HAVING and ORDER BY: Sail finds them by these."""
    if select.args.get("group") is None:
        return
    columns = {
        column.name.lower() for each in select.expressions for column in each.find_all(exp.Column)
    }
    aliases = {
        each.unalias(): each.alias
        for each in select.expressions
        if each.alias and each.alias.lower() not in columns and not _has_aggregate(each)
    }
    parts = [select.args[name] for name in ("having", "order") if select.args.get(name)]
    for node in [node for part in parts for node in part.walk()]:
        if (alias := aliases.get(node)) and node.find_ancestor(exp.AggFunc, exp.Select) is select:
            node.replace(exp.column(alias))


def _is_window(value: Tree) -> bool:
    """Return whether a value is a window of times."""
    is_call = isinstance(value, exp.Anonymous)
    return is_call and value.name.lower() in ("session_window", "window")


def number_groups(select: exp.Select) -> None:
    """Write ``GROUP BY ALL`` and ``ORDER BY ALL`` with the numbers of the columns."""
    numbers = range(1, len(select.expressions) + 1)
    group = select.args.get("group")
    if group is not None and group.args.get("all"):
        keys = [
            exp.Literal.number(number)
            for number, each in zip(numbers, select.expressions, strict=True)
            if not _has_aggregate(each)
        ]
        select.set("group", exp.Group(expressions=keys) if keys else None)
    _number_order(select, len(select.expressions))


def _number_order(query: Tree, count: int) -> None:
    order = query.args.get("order")
    if order is not None and _is_all(order):
        ordered = order.expressions[0]
        copies = []
        for number in range(1, count + 1):
            copies.append(copy := ordered.copy())
            copy.set("this", exp.Literal.number(number))
        order.set("expressions", copies)


def _is_all(order: Tree) -> bool:
    first = order.expressions[0].this
    return isinstance(first, exp.Var) and first.name.upper() == "ALL"


def order_by_stars(tree: Tree, describe: Describe) -> None:
    """Write the ``ORDER BY ALL`` of a query with the numbers of its columns.

    Sail takes ``*`` for one column.
    """
    order = tree.args.get("order")
    if isinstance(tree, exp.Select) and tree.is_star and order is not None and _is_all(order):
        plain = tree.copy()
        plain.set("order", None)
        _number_order(tree, len(describe(write_sql(plain))))


def _has_aggregate(expression: Tree) -> bool:
    for node in expression.find_all(exp.AggFunc, exp.Anonymous):
        is_aggregate = isinstance(node, exp.AggFunc) or node.name.upper() in _AGGREGATES
        if is_aggregate and not isinstance(node.parent, exp.Window):
            return True
    return False
