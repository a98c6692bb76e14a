"""Aliases, named queries and types of expressions, as a query knows them at its place. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from .databricks_sql import DatabricksDialect, Tree, parse_one, write_sql

#: Returns the names and the types of the columns of a query.
Describe = Callable[[str], dict[str, str]]
#: Returns the type of an expression of a query; an error if it has none there.
FindKind = Callable[[str], str]


def list_aliases(select: exp.Select) -> dict[str, Tree]:
    return {each.alias.lower(): each.this for each in select.expressions if each.alias}


def insert_aliases(
    expression: Tree, aliases: dict[str, Tree], *, in_aggregates: bool = False
) -> Tree:
    """Return a copy of an expression with the values of aliases."""
    copy = exp.paren(expression.copy())
    for column in list(copy.find_all(exp.Column)):
        value = None if column.table else aliases.get(column.name.lower())
        if value is not None and (in_aggregates or column.find_ancestor(exp.AggFunc) is None):
            column.replace(exp.paren(value.copy()))
    inner: Tree = copy.this
    return inner


def list_selects(tree: Tree) -> list[exp.Select]:
    """Return the queries in a tree, each after those that it reads: inner ones, and named ones."""
    found: list[Tree] = []
    waiting = [tree]
    while waiting:
        found.append(node := waiting.pop())
        waiting += sorted(node.iter_expressions(), key=lambda each: not isinstance(each, exp.With))
    return [each for each in reversed(found) if isinstance(each, exp.Select)]


def find_kind(select: exp.Select, describe: Describe, text: str) -> str:
    """Return the type of an expression, which may have aliases of the query."""
    value = insert_aliases(
        parse_one(f"SELECT {text}", DatabricksDialect).expressions[0], list_aliases(select)
    )
    (kind,) = describe_in(select, select_from(select, value), describe).values()
    return kind


def select_from(select: exp.Select, value: Tree) -> exp.Select:
    """Return a query of a value for the rows that another one reads, joined on any condition."""
    sources = {
        key: [each.copy() for each in part] if isinstance(part, list) else part.copy()
        for key in ("from_", "joins", "laterals")
        if (part := select.args.get(key))
    }
    for join in sources.get("joins", ()):
        if join.args.get("on") is not None:  # it may be what is asked about
            join.set("on", exp.true())
    return exp.Select(expressions=[value], **sources)


def describe_in(select: exp.Select, probe: exp.Select, describe: Describe) -> dict[str, str]:
    """Return the columns of a query that stands at the place of another one."""
    names = list(_list_names(select))
    if names:
        probe.set("with_", exp.With(expressions=[each.copy() for each in names]))
    return describe(write_sql(probe))


def _list_names(node: Tree) -> Iterator[Tree]:
    """Yield the named queries that a query knows, the outer ones first."""
    parent = node.parent
    if isinstance(parent, exp.With):
        query = parent.parent
        if query is not None and query.parent is not None:
            yield from _list_names(query.parent)
        for each in parent.expressions:
            if each is node:
                return
            yield each
    if parent is not None:
        yield from _list_names(parent)
    if (names := node.args.get("with_")) is not None:
        yield from names.expressions
