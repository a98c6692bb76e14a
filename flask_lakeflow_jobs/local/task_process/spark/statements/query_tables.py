"""The tables that queries name: their schemas, their earlier versions, and the keys of their joins.

After ``JOIN … USING`` in SQL, ``u.*`` lacks the keys on Sail, and ``u.id`` is unknown. Sail knows
the merged key by its name alone, which has the rows of the side that the join keeps. For joins of
frames, see ``frame_joins``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from ...sql.databricks_sql import Tree
from ...sql.query_scopes import Describe, list_selects
from ..language.sql_literals import Query
from ..language.sql_names import FILE_FORMATS, quote_part
from ..tables.delta_log import find_folder
from .query_columns import expand_stars, parse_query, write_name


def qualify(query: str, catalog: str, schema: str) -> str:
    """Name the catalog and the schema of the tables in a query, or in the statement of a view.

    Sail looks for the tables of a view in the schema that is current when the view is read.
    """
    for start, has_schema in sorted(_find_names(query), reverse=True):
        parts = (catalog,) if has_schema else (catalog, schema)
        prefix = "".join(f"{quote_part(part)}." for part in parts)
        query = query[:start] + prefix + query[start:]
    return query


def _find_names(statement: str) -> list[tuple[int, bool]]:
    """Return where names without a catalog begin, and whether they have a schema."""
    if (tree := parse_query(statement)) is None:  # the error of Sail says what it does not know
        return []
    local = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    found = []
    query = tree.expression if isinstance(tree, exp.Create) else tree
    for table in query.find_all(exp.Table):
        first = table.args.get("db") or table.this
        is_local = not table.db and table.name.lower() in local
        is_named = isinstance(first, exp.Identifier) and "start" in first.meta
        if is_named and not (table.catalog or is_local or table.db.lower() in FILE_FORMATS):
            found.append((first.meta["start"], bool(table.db)))
    return found


def name_folders(tree: Tree, query: Query) -> None:
    """Read earlier versions from the folders of tables, which may have had other columns."""
    for table in list(tree.find_all(exp.Table)):
        if table.args.get("version") is None:
            continue
        location = find_folder(query, write_name(table))
        if location is not None:
            table.set("alias", table.args.get("alias") or exp.TableAlias(this=table.this))
            table.set("this", exp.to_identifier(location, quoted=True))
            table.set("db", exp.to_identifier("delta"))
            table.set("catalog", None)


@dataclass
class _Side:
    """A table of a query with joins, and whether the merged keys have its values."""

    source: Tree
    keys: dict[str, bool] = field(default_factory=dict)

    def join(self, join: exp.Join, outer: tuple[str, ...]) -> None:
        for each in join.args.get("using") or ():
            name = each.name.lower()
            self.keys[name] = self.keys.get(name, True) and join.side not in outer


def name_keys(tree: Tree, describe: Describe) -> None:
    """Name the keys of joins without their table, or join two tables by ON in place of USING.

    :raises NotImplementedError: a merged key has not the values of the table.
    """
    for select in list_selects(tree):
        sides = {name: side for name, side in _find_sides(select).items() if side.keys}
        if sides and not _join_by_condition(select, sides):
            expand_stars(select, describe, {name: each.source for name, each in sides.items()})
            _name_columns(select, sides)


def _find_sides(select: exp.Select) -> dict[str, _Side]:
    sides: dict[str, _Side] = {}
    for each in (select.args.get("from_"), *(select.args.get("joins") or ())):
        if each is None:
            continue
        side = _Side(each.this)
        if isinstance(each, exp.Join):
            for left in sides.values():
                left.join(each, ("RIGHT", "FULL"))
            if each.kind in ("SEMI", "ANTI"):
                continue
            side.join(each, ("LEFT", "FULL"))
        sides[each.this.alias_or_name.lower()] = side
    return sides


def _join_by_condition(select: exp.Select, sides: dict[str, _Side]) -> bool:
    """Write ON in place of USING if a key has not the values of its table, such as a NULL of it.

    :return: whether it is a query of two tables without ``*``, in which this is possible.
    """
    joins = [*(select.args.get("joins") or ())]
    if len(joins) != 1 or any(isinstance(each, exp.Star) for each in select.expressions):
        return False
    join = joins[0]
    columns = [c for c in select.find_all(exp.Column) if c.find_ancestor(exp.Select) is select]
    named = [(sides[c.table.lower()], c.name.lower()) for c in columns if c.table.lower() in sides]
    if all(side.keys.get(name, True) for side, name in named):
        return False
    tables = [each.alias_or_name for each in (select.args["from_"].this, join.this)]
    keys = [each.name for each in join.args["using"]]
    pairs = {key.lower(): [exp.column(key, table) for table in tables] for key in keys}
    join.set("using", None)
    join.set(
        "on", exp.and_(*(exp.EQ(this=left, expression=right) for left, right in pairs.values()))
    )
    for column in columns:
        if column.table or (pair := pairs.get(column.name.lower())) is None:
            continue
        left, right = (each.copy() for each in pair)
        merged = {"LEFT": left, "RIGHT": right}.get(join.side) or exp.func("coalesce", left, right)
        is_result = column.parent is select and column.arg_key == "expressions"
        column.replace(exp.alias_(merged, column.name) if is_result else merged)
    return True


def _name_columns(select: exp.Select, sides: dict[str, _Side]) -> None:
    """Leave out the table of each key."""
    aliases = {
        each.alias.lower()
        for each in select.expressions
        if isinstance(each, exp.Alias) and each.this.name.lower() != each.alias.lower()
    }
    for column in list(select.find_all(exp.Column)):
        side = sides.get(column.table.lower())
        name = column.name.lower()
        is_star = isinstance(column.this, exp.Star)
        if side is None or not (is_star or name in side.keys) or _is_hidden(column, select):
            continue
        is_outside = column.find_ancestor(exp.Select) is not select
        is_alias = name in aliases and column.find_ancestor(exp.Order, exp.Having) is not None
        if is_star or is_outside or is_alias or not side.keys[name]:
            _refuse(column, next(iter(side.keys)) if is_star else column.name)
        column.set("table", None)


def _is_hidden(column: exp.Column, select: exp.Select) -> bool:
    """Return whether a query in between has a table of this name, or knows none of outside."""
    node: Tree | None = column.find_ancestor(exp.Select)
    while node is not None and node is not select:
        if isinstance(node, exp.Select) and column.table.lower() in _find_sides(node):
            return True
        if isinstance(node, (exp.CTE, exp.From, exp.Join)):
            return True
        node = node.parent
    return False


def _refuse(column: exp.Column, key: str) -> None:
    table = column.table
    raise NotImplementedError(
        f"Sail has no {table}.{column.name} here after a JOIN with USING ({key}). Join by a "
        f"condition, such as ON {table}.{key} = other.{key}."
    )
