"""``ALTER TABLE`` as a commit in the log of the table, where Sail refuses it.

The files of the table stay as they are. So it adds columns, and renames and drops those of tables
that map names, as on Databricks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import uuid4

from sqlglot import exp

from ...sql.databricks_sql import Tree, write_sql
from ..language.sql_literals import Query, write_answer
from ..language.sql_names import quote_part
from ..tables.delta_log import (
    find_location,
    list_fields,
    read_metadata,
    reload_table,
    write_fields,
    write_metadata,
)
from .sql_changes import is_feature

#: A column in the log of a table.
Field = dict[str, Any]

_CHECK = "delta.constraints."
_MAPPING = "delta.columnMapping."
_WRITE_AGAIN = (
    "Sail does not rename columns of partitions, nor move columns or change their types. "
    "Write the table again: CREATE OR REPLACE TABLE {0} AS SELECT … FROM {0}."
)


def alter_table(tree: exp.Alter, query: Query) -> str | None:
    """Alter a table; return a statement in place of the one that Sail refuses.

    :return: ``None`` if it alters no table.
    :raises NotImplementedError: the files of the table would have to change.
    """
    table = write_sql(tree.this)
    actions = tree.args.get("actions") or []
    if not actions or tree.args.get("kind") != "TABLE":
        return None
    added = [each for action in actions for each in _list_added(action)]
    if not all(_list_added(each) or _list_moved(each) or _is_kept(each) for each in actions):
        raise NotImplementedError(_WRITE_AGAIN.format(table))
    changes, dropped = _find_changes(tree), _list_dropped(actions)
    moved = [each for each in actions if _list_moved(each)]
    if not (added or changes or dropped or moved):
        return write_answer("ALTER TABLE is skipped: it changes no result here.")
    _check_null(query, table, {name for name in changes if changes[name].get("nullable") is False})
    location = find_location(query, table)
    metadata = read_metadata(location)
    properties = metadata.get("configuration") or {}
    fields = _change_fields(list_fields(metadata), added, changes, query)
    for action in moved:
        if {each.lower() for each in metadata["partitionColumns"]} & _list_moved(action).keys():
            raise NotImplementedError(_WRITE_AGAIN.format(table))
        fields, properties = _move_columns(fields, action, properties, table)
    kept = {key: each for key, each in properties.items() if key.lower() not in dropped}
    kept |= _number_fields(fields, kept)
    if fields != list_fields(metadata) or kept != metadata.get("configuration", {}):
        write_metadata(location, {**write_fields(fields), "configuration": kept})
        reload_table(query, table)
    return write_answer("The table is altered.")


def _change_fields(
    fields: list[Field],
    added: list[exp.ColumnDef],
    changes: dict[str, Field],
    query: Query,
) -> list[Field]:
    for definition in added:
        fields = _add_field(fields, definition, query)
    for field in fields:
        change = changes.get(field["name"].lower(), {})
        field["nullable"] = change.get("nullable", field["nullable"])
        field["metadata"] |= change.get("metadata", {})
    return fields


def _list_added(action: Tree) -> list[exp.ColumnDef]:
    if isinstance(action, exp.Schema):
        return list(action.expressions)
    return [action] if isinstance(action, exp.ColumnDef) else []


def _add_field(fields: list[Field], definition: exp.ColumnDef, query: Query) -> list[Field]:
    """Return the columns of a table with another one, unless it exists.

    :raises ValueError: it has no type, it exists and the statement does not allow that, or it is to
        be behind a column that the table lacks.
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
    if position is not None and position.this and position.this.name.lower() not in names:
        raise ValueError(
            f"[UNRESOLVED_COLUMN] The table has no column {position.this.name}. Write one of its "
            "columns behind AFTER, or leave that out."
        )
    if position is not None:
        index = names.index(position.this.name.lower()) + 1 if position.this else 0
    if (kind := definition.args.get("kind")) is None:
        raise ValueError(
            f"[PARSE_SYNTAX_ERROR] The column {definition.name} has no type. Write one behind its "
            f"name, such as {definition.name} STRING."
        )
    text = "STRING" if kind.is_type("char", "varchar") else write_sql(kind)
    (column,) = query(f"SELECT CAST(NULL AS {text}) AS {quote_part(definition.name)}").schema.fields
    field = {**column.jsonValue(), "name": definition.name, "nullable": True}
    return [*fields[:index], field, *fields[index:]]


def _list_moved(action: Tree) -> dict[str, str | None]:
    """Return the new names of columns that an action renames, and ``None`` for dropped ones."""
    if isinstance(action, exp.RenameColumn):
        moved = {action.this: action.args["to"].name}
    elif isinstance(action, exp.Drop) and action.args.get("kind") in ("COLUMN", "COLUMNS"):
        named = [each.expressions or [each] for each in action.args["tables"]]
        moved = dict.fromkeys(chain.from_iterable(named))
    else:
        return {}
    if any(each.args.get("table") for each in moved):  # a field of a struct
        return {}
    return {each.name.lower(): name for each, name in moved.items()}


def _move_columns(
    fields: list[Field], action: Tree, properties: dict[str, str], table: str
) -> tuple[list[Field], dict[str, str]]:
    """Rename or drop columns: those of the files keep their names.

    :return: the fields and the properties of the table.
    :raises ValueError: the table does not map names, or it has no such column.
    """
    if properties.get(f"{_MAPPING}mode", "none") == "none":
        raise ValueError(
            "Let the table map names before you rename or drop a column: ALTER TABLE "
            f"{table} SET TBLPROPERTIES ('{_MAPPING}mode' = 'name')."
        )
    if f"{_MAPPING}maxColumnId" not in properties:
        every = list(_list_nested({"fields": fields}))
        for number, field in enumerate(every, 1):
            field["metadata"] |= {f"{_MAPPING}id": number, f"{_MAPPING}physicalName": field["name"]}
        properties = {**properties, f"{_MAPPING}maxColumnId": str(len(every))}
    moved = _list_moved(action)
    missing = moved.keys() - {each["name"].lower() for each in fields}
    if missing and not action.args.get("exists"):
        raise ValueError(f"The table {table} has no column {min(missing)}. Correct the name.")
    names = [(each, moved.get(each["name"].lower(), each["name"])) for each in fields]
    return [{**each, "name": name} for each, name in names if name is not None], properties


def _list_nested(kind: Any) -> Iterator[Field]:
    """Yield the fields of a type, and those of structs in it."""
    if isinstance(kind, dict):
        for field in kind.get("fields", ()):
            yield field
            yield from _list_nested(field["type"])
        for name in ("elementType", "keyType", "valueType"):
            yield from _list_nested(kind.get(name))


def _number_fields(fields: list[Field], properties: dict[str, str]) -> dict[str, str]:
    """Give new columns what a table needs that maps names; return the properties that change."""
    if (last := properties.get(f"{_MAPPING}maxColumnId")) is None:
        return {}
    number = int(last)
    for field in _list_nested({"fields": fields}):
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
