"""The columns of queries, as Sail describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from ...sql.databricks_sql import DatabricksDialect, SailDialect, parse_one

Tree = exp.Expr
#: Returns the names and the types of the columns of a query.
Describe = Callable[[str], dict[str, str]]


def parse_query(statement: str) -> Any:
    """Return the tree of a statement; ``None`` if sqlglot does not know it."""
    try:
        return parse_one(statement, DatabricksDialect)
    except SqlglotError:
        return None


def write(tree: Tree) -> str:
    """Return the text of a tree."""
    return tree.sql(SailDialect, normalize_functions=False, comments=False)


def write_name(table: exp.Table) -> str:
    """Return the name of a table, without its alias and version."""
    return ".".join(map(write, table.parts))


def replace_part(tree: Tree, part: Tree, by: Tree) -> Tree:
    """Replace a part of a tree, which may be all of it, and return the tree."""
    if part is tree:
        return by
    part.replace(by)
    return tree


def wrap_query(inner: exp.Select, name: str, kept: list[str]) -> exp.Select:
    """Return a query of the columns of another one, without some, in its order."""
    outer = exp.Select(
        expressions=[exp.Star(except_=[exp.column(each) for each in kept])],
        from_=exp.From(this=inner.subquery(name, copy=False)),
    )
    for key in ("with_", "order", "limit", "offset"):
        if value := inner.args.get(key):
            inner.set(key, None)
            outer.set(key, value)
    return outer


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


def read_columns(select: exp.Select, describe: Describe) -> dict[str, str]:
    """Return the columns of the tables that a query reads."""
    return _columns_of(select, describe) if select.args.get("from_") else {}


def expand_stars(
    select: exp.Select, describe: Describe, sources: Mapping[str, Tree] | None = None
) -> None:
    """Name the columns of ``* EXCEPT (…)`` and of ``u.*``.

    :param sources: those of which Sail has not all columns in ``u.*``, by name in lower case.
    """
    expressions: list[Tree] = []
    for each in select.expressions:
        star = each.this if isinstance(each, exp.Column) else each
        table = each.args.get("table") if isinstance(each, exp.Column) else None
        source = (sources or {}).get(table.name.lower()) if table else None
        if not isinstance(star, exp.Star) or not (source or star.args.get("except_")):
            expressions.append(each)
            continue
        excluded = {column.name.lower() for column in star.args.get("except_") or ()}
        for owner in [table] if table else _list_sources(select):
            if source is None:
                names = _columns_of(select, describe, owner)
            else:
                names = describe_in(select, exp.select("*").from_(source.copy()), describe)
            for name in names:
                if name.lower() not in excluded:
                    expressions.append(exp.column(name, table=owner, quoted=True))
    select.set("expressions", expressions)


def _list_sources(select: exp.Select) -> list[Any]:
    """Return the names by which the rows of a query are known; ``None`` for all of them."""
    joins = select.args.get("joins") or []
    if not joins or select.args.get("laterals") or any(join.args.get("using") for join in joins):
        return [None]
    found: list[Any] = []
    for each in (select.args["from_"], *joins):
        if isinstance(each, exp.Join) and each.kind in ("SEMI", "ANTI"):
            continue
        name = each.this.alias_or_name if isinstance(each.this, exp.Expression) else ""
        if not name:
            return [None]
        found.append(exp.to_identifier(name, quoted=True))
    return found


def _columns_of(
    select: exp.Select, describe: Describe, source: Tree | None = None
) -> dict[str, str]:
    """Return the columns of the rows that a query reads.

    :param source: a single one of its tables.
    """
    star = exp.Column(this=exp.Star(), table=source.copy()) if source else exp.Star()
    probe = _select_from(select, star)
    for path in list(probe.find_all(exp.JSONExtract)):  # Sail takes none, and no column is one
        path.replace(exp.null())
    return describe_in(select, probe, describe)


def find_kind(select: exp.Select, describe: Describe, text: str) -> str:
    """Return the type of an expression, which may have aliases of the query."""
    value = insert_aliases(parse_query(f"SELECT {text}").expressions[0], list_aliases(select))
    (kind,) = describe_in(select, _select_from(select, value), describe).values()
    return kind


def _select_from(select: exp.Select, value: Tree) -> exp.Select:
    """Return a query of a value for the rows that another one reads."""
    sources = {
        key: [each.copy() for each in part] if isinstance(part, list) else part.copy()
        for key in ("from_", "joins", "laterals")
        if (part := select.args.get(key))
    }
    return exp.Select(expressions=[value], **sources)


def describe_in(select: exp.Select, probe: exp.Select, describe: Describe) -> dict[str, str]:
    """Return the columns of a query that stands at the place of another one."""
    names = list(_list_names(select))
    if names:
        probe.set("with_", exp.With(expressions=[each.copy() for each in names]))
    return describe(write(probe))


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
