"""The columns of queries, as Sail describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from ...sql.databricks_sql import DatabricksDialect, Tree, parse_one, write_sql
from ...sql.query_scopes import Describe, describe_in, select_from


def parse_query(statement: str) -> Any:
    """Return the tree of a statement; ``None`` if sqlglot does not know it."""
    try:
        return parse_one(statement, DatabricksDialect)
    except SqlglotError:
        return None


def write_name(table: exp.Table) -> str:
    """Return the name of a table, without its alias and version."""
    return ".".join(map(write_sql, table.parts))


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


def read_columns(select: exp.Select, describe: Describe) -> dict[str, str]:
    """Return the columns of the tables that a query reads."""
    return _columns_of(select, describe) if select.args.get("from_") else {}


def expand_stars(
    select: exp.Select,
    describe: Describe,
    sources: Mapping[str, Tree] | None = None,
    *,
    is_all: bool = False,
) -> None:
    """Name the columns of ``* EXCEPT (…)`` and of ``u.*``.

    :param sources: those of which Sail has not all columns in ``u.*``, by name in lower case.
    :param is_all: whether to name those of any other ``*`` too.
    """
    expressions: list[Tree] = []
    for each in select.expressions:
        star = each.this if isinstance(each, exp.Column) else each
        table = each.args.get("table") if isinstance(each, exp.Column) else None
        source = (sources or {}).get(table.name.lower()) if table else None
        is_plain = isinstance(star, exp.Star) and not any(star.args.values())
        is_known = source or (is_plain and is_all)
        if not isinstance(star, exp.Star) or not (is_known or star.args.get("except_")):
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
    probe = select_from(select, star)
    for path in list(probe.find_all(exp.JSONExtract)):  # Sail takes none, and no column is one
        path.replace(exp.null())
    return describe_in(select, probe, describe)
