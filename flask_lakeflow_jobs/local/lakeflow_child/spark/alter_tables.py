"""``ALTER TABLE`` on Sail, which alters few things: the table is written again.

Its earlier versions stay.
"""

# ruff: noqa: S608  # the statements are those of the user's own task

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from ..sql.databricks_sql import DatabricksDialect, parse_one
from .column_sql import write_text
from .delta_log import (
    INVARIANTS,
    find_location,
    has_limits,
    list_fields,
    read_metadata,
    write_columns,
    write_metadata,
)
from .query_columns import Tree, write
from .sql_changes import is_feature
from .sql_names import NAME_PART, quote_part, split_name

#: The SQL of each column, by its name.
Columns = dict[str, str]

_ALTERED = "SELECT 'The table is altered.' AS message"
# Metadata of columns: of those that the table fills, and of how their values are stored.
_IDENTITY, _DEFAULT, _GENERATED = "delta.identity.", "CURRENT_DEFAULT", "delta.generationExpression"
_CHECK = "delta.constraints."
_MOVE = re.compile(
    rf"\s*ALTER\s+TABLE\s+(\S+)\s+(?:ALTER|CHANGE)\s+(?:COLUMN\s+)?({NAME_PART})\s+"
    rf"(?:FIRST|AFTER\s+({NAME_PART}))\s*;?\s*$",
    re.IGNORECASE,
)
_STORED = ("delta.columnMapping.", "delta.typeChanges")


def alter_table(tree: exp.Alter, query: Callable[[str], Any]) -> str | None:
    """Alter a table; return a statement in place of the one that Sail refuses.

    :param query: runs a statement of Sail.
    :return: ``None`` if the table cannot be altered in this way.
    """
    table = write(tree.this)
    actions = tree.args.get("actions") or []
    if not actions or tree.args.get("kind") != "TABLE":
        return None
    changes = _find_changes(tree)
    dropped = _list_dropped(actions)
    if all(map(_is_skipped, actions)) and not changes and not dropped:
        return "SELECT 'ALTER TABLE is skipped: it changes no result here.' AS message"
    location = find_location(query, table)
    metadata = read_metadata(location)
    properties = metadata.get("configuration") or {}
    if dropped & {*map(str.lower, properties)}:
        kept = {key: each for key, each in properties.items() if key.lower() not in dropped}
        write_metadata(location, {"configuration": kept})
        reload_table(query, table)
        return _ALTERED
    is_renamed = isinstance(actions[0], exp.AlterRename)
    target = write(actions[0].this) if is_renamed else table
    columns = _read_columns(metadata)
    altered = columns if is_renamed else _change_all(columns, actions)
    if altered is None:
        return None
    if list(altered.items()) == list(columns.items()) and target == table and not changes:
        return "SELECT 'ALTER TABLE has nothing to do.' AS message"
    _check_null(query, table, {name for name in changes if changes[name].get("nullable") is False})
    _write_altered(query, table, target, metadata, altered, changes)
    return _ALTERED if target == table else f"DROP TABLE {table}"


def _read_columns(metadata: dict[str, Any]) -> Columns:
    return {field["name"]: quote_part(field["name"]) for field in list_fields(metadata)}


def _write_altered(
    query: Callable[[str], Any],
    table: str,
    target: str,
    metadata: dict[str, Any],
    altered: Columns,
    changes: dict[str, dict[str, Any]],
) -> None:
    """Write a table with other columns, to itself or to a new table.

    :param metadata: of the table as it is.
    """
    fields = list_fields(metadata)
    columns, properties = _read_columns(metadata), metadata.get("configuration") or {}
    is_new = target != table
    if altered != columns or is_new:
        _check_fields(fields, table, is_new=is_new)
        _check_constraints(properties, table, dict(columns.items() - altered.items()))
        _write_rows(query, table, target, altered, metadata.get("partitionColumns") or [])
    location = find_location(query, target)
    write_columns(location, _find_fields(altered, fields, changes))
    if is_new and properties:
        write_metadata(location, {"configuration": properties})
    is_checked = properties or has_limits(query, target)
    if is_checked or any("nullable" in each for each in changes.values()):
        reload_table(query, target)


def _write_rows(
    query: Callable[[str], Any], table: str, target: str, columns: Columns, partitions: list[str]
) -> None:
    """Write the rows of a table with other columns, to itself or to a new table."""
    selected = ", ".join(f"{text} AS {quote_part(name)}" for name, text in columns.items())
    writer = query(f"SELECT {selected} FROM {table}").write.format("delta")
    writer = writer.mode("overwrite" if target == table else "error")
    if remaining := [name for name in partitions if name in columns]:
        writer = writer.partitionBy(*remaining)
    writer.option("overwriteSchema", "true").saveAsTable(target)


def _find_fields(
    columns: Columns, former: list[dict[str, Any]], changes: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the fields of columns, made of former ones and of what a statement changes."""
    found = {name: _find_field(name, text, former) for name, text in columns.items()}
    for name, field in found.items():
        changed = changes.get(name.lower(), {})
        field["nullable"] = changed.get("nullable", field.get("nullable", True))
        field["metadata"] |= changed.get("metadata", {})
    return found


def move_column(statement: str, query: Callable[[str], Any]) -> str | None:
    """Move a column, which sqlglot does not parse; return a statement in place of it.

    :param statement: without comments.
    :return: ``None`` if it moves no column.
    """
    if (match := _MOVE.match(statement)) is None:
        return None
    table, moved, previous = match.groups()
    location = find_location(query, table)
    fields = list_fields(read_metadata(location))
    known = {field["name"].lower(): field for field in fields}
    (name,), after = split_name(moved.lower()), split_name((previous or "").lower())
    if missing := [each for each in (name, *after) if each not in known]:
        raise ValueError(f"The table {table} has no column {missing[0]}. Correct the name.")
    field = known.pop(name)
    names = list(known)
    names.insert(names.index(after[0]) + 1 if after else 0, name)
    ordered = {**known, name: field}
    write_columns(location, {ordered[each]["name"]: ordered[each] for each in names})
    reload_table(query, table)
    return _ALTERED


def _find_field(name: str, text: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the field of a former column that a column is made of, without how it was stored.

    :param text: the expression of the column.
    """
    found = (each for each in fields if quote_part(each["name"]) in text)
    field: dict[str, Any] = next(found, {"metadata": {}})
    old = quote_part(field.get("name", ""))
    dropped = _STORED if text == old else (*_STORED, INVARIANTS)  # it has another type
    kept = {key: v for key, v in field["metadata"].items() if not key.startswith(dropped)}
    if INVARIANTS in kept:
        kept[INVARIANTS] = kept[INVARIANTS].replace(old, quote_part(name))
    return {**field, "metadata": kept}


def _check_fields(fields: list[dict[str, Any]], table: str, *, is_new: bool) -> None:
    """Refuse to write a column again that the table itself fills."""
    filled = (_IDENTITY, _DEFAULT, _GENERATED) if is_new else (_IDENTITY,)
    for field in fields:
        if any(key.startswith(filled) for key in field["metadata"]):
            raise ValueError(
                f"Sail cannot write the column {field['name']} of {table} again, which the table "
                "fills. Create a table with the columns that you need, and INSERT the rows into it."
            )


def _list_dropped(actions: list[Tree]) -> set[str]:
    """Return the properties, in lower case, with the constraints that are dropped."""
    drops = (each for each in actions if each.args.get("kind") == "CONSTRAINT")
    return {f"{_CHECK}{each.name}".lower() for drop in drops for each in drop.args["tables"]}


def _check_constraints(properties: dict[str, str], table: str, changed: Columns) -> None:
    """Refuse to change a column that a constraint checks.

    :raises ValueError: one of them does.
    """
    names = {*map(str.lower, changed)}
    checks = {key: text for key, text in properties.items() if names and key.startswith(_CHECK)}
    for key, text in checks.items():
        for column in parse_one(text, DatabricksDialect).find_all(exp.Column):
            if column.name.lower() in names:
                name = key.removeprefix(_CHECK)
                raise ValueError(
                    "[DELTA_CONSTRAINT_DEPENDENT_COLUMN_CHANGE] A constraint checks the column "
                    f"{column.name}. Drop it first: ALTER TABLE {table} DROP CONSTRAINT {name}."
                )


def reload_table(query: Callable[[str], Any], table: str) -> None:
    """Let Sail read what the log of a table says of its columns."""
    location = find_location(query, table)
    if location not in table:  # which is the name of a folder
        query(f"DROP TABLE {table}")  # its files stay
        query(f"CREATE TABLE {table} USING delta LOCATION {write_text(location)}")


def _check_null(query: Callable[[str], Any], table: str, columns: set[str]) -> None:
    """Refuse to forbid NULL in columns that have it.

    :raises ValueError: one of them has it.
    """
    for name in columns:
        if query(f"SELECT 1 FROM {table} WHERE {quote_part(name)} IS NULL LIMIT 1").collect():
            raise ValueError(
                f"The column {name} of {table} has NULL, so it cannot be NOT NULL. Give these rows "
                "a value first, with UPDATE."
            )


def _find_changes(tree: exp.Alter) -> dict[str, dict[str, Any]]:
    """Return the comments of columns in a statement, and whether they take NULL."""
    changes: dict[str, dict[str, Any]] = {
        definition.name.lower(): {"metadata": {"comment": comment.this.name}}
        for definition in tree.find_all(exp.ColumnDef)
        for comment in definition.find_all(exp.CommentColumnConstraint)
    }
    for action in tree.find_all(exp.AlterColumn):
        change = changes.setdefault(action.this.name.lower(), {})
        if (comment := action.args.get("comment")) is not None:
            change["metadata"] = {"comment": comment.name}
        if (takes_null := action.args.get("allow_null")) is not None:
            change["nullable"] = takes_null
    return {name: change for name, change in changes.items() if change}


def _change_all(columns: Columns, actions: list[Tree]) -> Columns | None:
    for action in actions:
        changed = change_columns(columns, action)
        if changed is None:
            return None
        columns = changed
    return columns


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
            f"[FIELD_ALREADY_EXISTS] The column {definition.name} already exists in the table. "
            "Write ADD COLUMN IF NOT EXISTS, or drop the column first."
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
