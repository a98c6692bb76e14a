"""Values of maps by a dot, as in ``properties.color``, which Sail reads of structs only. Pure."""

from __future__ import annotations

from contextlib import suppress

from sqlglot import exp

from ...sql.databricks_sql import DatabricksDialect, parse_one, rewrite_text, write_sql
from ...sql.query_scopes import FindKind


def read_keys_in_text(text: str, find_kind: FindKind, *, is_column: bool) -> str:
    """Return an expression in SQL with brackets in place of the dots after maps.

    :param is_column: whether it is a column of a frame, and has a name.
    """
    return rewrite_text(text, lambda select: read_keys(select, find_kind, is_named=is_column))


def read_keys(select: exp.Expr, find_kind: FindKind, *, is_named: bool = True) -> bool:
    """Write brackets in place of the dots after maps in a query.

    :param is_named: whether a column of the query keeps its name.
    :return: whether there are any.
    """
    is_changed = False
    for column in list(select.find_all(exp.Column)):
        found = column.parent_select is select and find_map(write_sql(column), find_kind)
        if found:
            value = parse_one(f"SELECT {found}", DatabricksDialect).expressions[0]
            is_column = is_named and column.parent is select and column.arg_key == "expressions"
            column.replace(exp.alias_(value, column.name, quoted=True) if is_column else value)
            is_changed = True
    return is_changed


def find_map(name: str, find_kind: FindKind) -> str | None:
    """Return what reads a value of a map by its name; ``None`` if the name is of another kind."""
    column = parse_one(f"SELECT {name}", DatabricksDialect).expressions[0]
    owner, kind = ".".join(map(write_sql, column.parts[:-1])), ""
    with suppress(Exception):  # it may be a table, or nothing
        kind = find_kind(owner) if owner else ""
    key = write_sql(exp.Literal.string(column.name))
    return f"{owner}[{key}]" if kind.startswith("map") else None
