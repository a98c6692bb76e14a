"""``ALTER TABLE`` on Sail, which alters few things: the table is written again.

Its earlier versions stay.
"""

# ruff: noqa: S608  # the statements are those of the user's own task

from __future__ import annotations

from sqlglot import exp

from .delta_log import find_location, read_metadata
from .refused_queries import write
from .refused_statements import is_feature
from .spark_catalog import quote_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .refused_queries import Tree

    #: The SQL of each column, by its name.
    Columns = dict[str, str]


def alter_table(tree: exp.Alter, query: Callable[[str], Any]) -> str | None:
    """Alter a table; return a statement in place of the one that Sail refuses.

    :param query: runs a statement of Sail.
    :return: ``None`` if the table cannot be altered in this way.
    """
    table = write(tree.this)
    actions = tree.args.get("actions") or []
    if not actions or tree.args.get("kind") != "TABLE":
        return None
    if isinstance(actions[0], exp.AlterRename):
        query(f"CREATE TABLE {write(actions[0].this)} AS SELECT * FROM {table}").collect()
        return f"DROP TABLE {table}"
    if all(map(_is_skipped, actions)):
        return "SELECT 'ALTER TABLE is skipped: it changes no result here.' AS message"
    frame = query(f"SELECT * FROM {table}")
    columns = {name: quote_part(name) for name in frame.columns}
    altered = columns
    for action in actions:
        changed = change_columns(altered, action)
        if changed is None:
            return None
        altered = changed
    if altered == columns:
        return "SELECT 'ALTER TABLE has nothing to do.' AS message"
    selected = ", ".join(f"{text} AS {quote_part(name)}" for name, text in altered.items())
    partitions = read_metadata(find_location(query, table)).get("partitionColumns") or []
    writer = query(f"SELECT {selected} FROM {table}").write.format("delta").mode("overwrite")
    if kept := [name for name in partitions if name in altered]:
        writer = writer.partitionBy(*kept)
    writer.option("overwriteSchema", "true").saveAsTable(table)
    return "SELECT 'The table is altered.' AS message"


def change_columns(columns: Columns, action: Tree) -> Columns | None:
    """Return the columns of a table after an action; ``None`` for an unknown one.

    :raises ValueError: a column that is added exists.
    """
    if isinstance(action, (exp.Schema, exp.ColumnDef)):
        definitions = action.expressions if isinstance(action, exp.Schema) else [action]
        for each in definitions:
            columns = _add(columns, each)
        return columns
    if isinstance(action, exp.Drop) and str(action.args.get("kind")).startswith("COLUMN"):
        dropped = {
            each.name.lower()
            for part in action.args["tables"]
            for each in (part.expressions if isinstance(part, exp.Schema) else [part])
        }
        return {name: text for name, text in columns.items() if name.lower() not in dropped}
    if isinstance(action, exp.RenameColumn):
        old, new = action.this.name, action.args["to"].name
        return {new if each.lower() == old.lower() else each: v for each, v in columns.items()}
    if isinstance(action, exp.AlterColumn) and (kind := action.args.get("dtype")) is not None:
        name = action.this.name.lower()
        return {
            each: f"CAST({text} AS {write(kind)})" if each.lower() == name else text
            for each, text in columns.items()
        }
    return columns if _is_skipped(action) else None


def _add(columns: Columns, definition: exp.ColumnDef) -> Columns:
    if definition.name.lower() in map(str.lower, columns):
        if definition.args.get("exists"):
            return columns
        raise ValueError(
            f"[FIELD_ALREADY_EXISTS] The table has a column {definition.name} already. Write ADD "
            "COLUMN IF NOT EXISTS, or drop the column first."
        )
    names = list(columns)
    position = definition.args.get("position")
    index = len(names)
    if position is not None:
        after = position.this.name.lower() if position.this else ""
        index = [*map(str.lower, names)].index(after) + 1 if after else 0
    names.insert(index, definition.name)
    added = f"CAST(NULL AS {write(definition.args['kind'])})"
    return {name: columns.get(name, added) for name in names}


def _is_skipped(action: Tree) -> bool:
    """Return whether an action changes no result here, as one of keys or comments."""
    if isinstance(action, exp.AlterSet):
        properties = list(action.find_all(exp.Property))
        return bool(properties) and all(map(is_feature, properties))
    if isinstance(action, exp.AddConstraint):
        return action.find(exp.CheckColumnConstraint) is None
    if isinstance(action, exp.Drop):
        return action.args.get("kind") == "CONSTRAINT"
    if isinstance(action, exp.AlterColumn):
        return action.args.get("dtype") is None
    return isinstance(action, exp.ClusterProperty)
