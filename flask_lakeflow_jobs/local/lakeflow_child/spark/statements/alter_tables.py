"""``ALTER TABLE`` on Sail, which alters few things: a commit in the log of the table changes it.

Its files stay as they are. So it adds columns, but renames and drops none.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from sqlglot import exp

from ..language.sql_names import quote_part
from ..language.sql_text import Query
from ..tables.delta_log import (
    find_location,
    list_fields,
    read_metadata,
    reload_table,
    write_metadata,
)
from .query_columns import Tree, write
from .sql_changes import is_feature

#: A column in the log of a table.
Field = dict[str, Any]

_CHECK = "delta.constraints."
_MAPPING = "delta.columnMapping."


def alter_table(tree: exp.Alter, query: Query) -> str | None:
    """Alter a table; return a statement in place of the one that Sail refuses.

    :return: ``None`` if it alters no table.
    :raises NotImplementedError: the files of the table would have to change.
    """
    table = write(tree.this)
    actions = tree.args.get("actions") or []
    if not actions or tree.args.get("kind") != "TABLE":
        return None
    added = [each for action in actions for each in _list_added(action)]
    if not all(_list_added(each) or _is_kept(each) for each in actions):
        raise NotImplementedError(
            "Sail does not rename tables, nor rename, move or drop columns or change their types. "
            f"Write the table again: CREATE OR REPLACE TABLE {table} AS SELECT … FROM {table}."
        )
    changes, dropped = _find_changes(tree), _list_dropped(actions)
    if not (added or changes or dropped):
        return "SELECT 'ALTER TABLE is skipped: it changes no result here.' AS message"
    _check_null(query, table, {name for name in changes if changes[name].get("nullable") is False})
    location = find_location(query, table)
    metadata = read_metadata(location)
    fields = list_fields(metadata)
    for definition in added:
        fields = add_field(fields, definition, query)
    for field in fields:
        change = changes.get(field["name"].lower(), {})
        field["nullable"] = change.get("nullable", field["nullable"])
        field["metadata"] |= change.get("metadata", {})
    properties = metadata.get("configuration") or {}
    kept = {key: each for key, each in properties.items() if key.lower() not in dropped}
    kept |= _number_fields(fields, kept)
    if fields != list_fields(metadata) or kept != properties:
        schema = json.dumps({"type": "struct", "fields": fields})
        write_metadata(location, {"schemaString": schema, "configuration": kept})
        reload_table(query, table)
    return "SELECT 'The table is altered.' AS message"


def _list_added(action: Tree) -> list[exp.ColumnDef]:
    if isinstance(action, exp.Schema):
        return list(action.expressions)
    return [action] if isinstance(action, exp.ColumnDef) else []


def add_field(fields: list[Field], definition: exp.ColumnDef, query: Query) -> list[Field]:
    """Return the columns of a table with another one, unless it exists.

    :raises ValueError: it exists, and the statement does not allow that.
    """
    names = [each["name"].lower() for each in fields]
    if definition.name.lower() in names:
        if definition.args.get("exists"):
            return fields
        raise ValueError(
            f"[FIELD_ALREADY_EXISTS] The column {definition.name} already exists in the table. "
            "Write ADD COLUMN IF NOT EXISTS, or choose another name."
        )
    position = definition.args.get("position")
    index = len(fields)
    if position is not None:
        index = names.index(position.this.name.lower()) + 1 if position.this else 0
    kind = definition.args["kind"]
    text = "STRING" if kind.is_type("char", "varchar") else write(kind)
    (column,) = query(f"SELECT CAST(NULL AS {text}) AS {quote_part(definition.name)}").schema.fields
    field = {**column.jsonValue(), "name": definition.name, "nullable": True}
    return [*fields[:index], field, *fields[index:]]


def _number_fields(fields: list[Field], properties: dict[str, str]) -> dict[str, str]:
    """Give new columns what a table needs that maps names; return the properties that change."""
    if (last := properties.get(f"{_MAPPING}maxColumnId")) is None:
        return {}
    number = int(last)
    for field in fields:
        if f"{_MAPPING}id" not in field["metadata"]:
            number += 1
            stored = f"col-{uuid4()}"
            field["metadata"] |= {f"{_MAPPING}id": number, f"{_MAPPING}physicalName": stored}
    return {f"{_MAPPING}maxColumnId": str(number)}


def _list_dropped(actions: list[Tree]) -> set[str]:
    """Return the properties, in lower case, with the constraints that are dropped."""
    drops = (each for each in actions if each.args.get("kind") == "CONSTRAINT")
    return {f"{_CHECK}{each.name}".lower() for drop in drops for each in drop.args["tables"]}


def _check_null(query: Query, table: str, columns: set[str]) -> None:
    """Refuse to forbid NULL in columns that have it.

    :raises ValueError: one of them has it.
    """
    for name in columns:
        if query(f"SELECT 1 FROM {table} WHERE {quote_part(name)} IS NULL LIMIT 1").collect():
            raise ValueError(
                f"The column {name} of {table} has NULL, so it cannot be NOT NULL. Give these rows "
                "a value first, with UPDATE."
            )


def _find_changes(tree: exp.Alter) -> dict[str, Field]:
    """Return the comments of columns in a statement, and whether they take NULL."""
    changes: dict[str, Field] = {
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


def _is_kept(action: Tree) -> bool:
    """Return whether an action leaves the files of the table as they are."""
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
