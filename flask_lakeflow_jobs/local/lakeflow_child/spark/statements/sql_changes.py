"""Statements that create or change tables and that Sail refuses, in a form that it takes.

``ALTER TABLE`` is a commit in the log of the table. Its files stay as they are. So it adds columns,
and renames and drops those of tables that map names, as on Databricks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any
from uuid import uuid4

from sqlglot import exp

from ...sql.databricks_sql import drop_key, insert_partition
from ..language.sql_names import quote_part
from ..language.sql_text import Query
from ..tables.delta_log import (
    FEATURE,
    find_location,
    list_fields,
    read_metadata,
    reload_table,
    write_metadata,
)
from .query_columns import Describe, Tree, write

#: A column in the log of a table.
Field = dict[str, Any]

_CHECK = "delta.constraints."
_MAPPING = "delta.columnMapping."
_SOURCE = "lakeflow_source"
_WRITE_AGAIN = (
    "Sail does not rename tables or columns of partitions, nor move columns or change their types. "
    "Write the table again: CREATE OR REPLACE TABLE {0} AS SELECT … FROM {0}."
)


def rewrite_statement(
    tree: Tree, describe: Describe, find_filled: Callable[[str], set[str]] = lambda _: set()
) -> Tree:
    """Return a statement that Sail takes, and that does the same; or the statement itself.

    :param find_filled: returns the columns of a table that have values of their own, in lower case.
    """
    if isinstance(tree, exp.Create) and tree.kind in ("TABLE", "VIEW"):
        return _create_table(tree)
    if isinstance(tree, exp.TruncateTable):
        return _truncate(tree)
    if isinstance(tree, exp.Delete):
        return _delete(tree, describe)
    if isinstance(tree, exp.Insert):
        whole = insert_partition(tree, lambda table: describe(f"SELECT * FROM {write(table)}"))
        return _insert(whole, describe, find_filled)
    if isinstance(tree, exp.Merge):
        _name_source(tree.args["using"])
        names = tree.args.get("with_")
        return tree if names is None else _merge(tree, names)
    return tree


def _create_table(create: exp.Create) -> Tree:
    """Leave out keys, features and the layout of files, and copy another table by a query."""
    properties = create.args.get("properties")
    source = None
    for each in list(properties.expressions) if properties is not None else ():
        if isinstance(each, exp.LikeProperty):
            source = each.this
        is_comment = isinstance(each, exp.SchemaCommentProperty) and create.expression is not None
        is_layout = isinstance(each, (exp.ClusterProperty, exp.LikeProperty))
        if is_comment or is_layout or is_feature(each):
            each.pop()
    if source is not None:
        query = exp.select("*").from_(source.copy()).where(exp.false())
        create.set("expression", query)
    return create.transform(drop_key, copy=False) or create


def is_feature(node: Tree) -> bool:
    """Return whether a property chooses a feature of Delta tables that Sail lacks."""
    if type(node) is not exp.Property:  # one of another kind, such as TEMPORARY, has no name
        return False
    return FEATURE.fullmatch(node.name or node.this.sql("databricks")) is not None


def _truncate(tree: exp.TruncateTable) -> Tree:
    partition = tree.args.get("partition")
    rows = exp.and_(*(each.copy() for each in partition.expressions)) if partition else None
    return exp.Delete(this=tree.expressions[0], where=rows and exp.Where(this=rows))


def _delete(delete: exp.Delete, describe: Describe) -> Tree:
    """Merge with the rows to delete, which a query finds: Sail takes no subquery in DELETE."""
    where = delete.args.get("where")
    if where is None or where.find(exp.Query) is None:
        return delete
    table = delete.this
    target = table.copy()
    target.set("alias", exp.TableAlias(this=exp.to_identifier("lakeflow_target")))
    rows = exp.select("*").distinct().from_(table.copy()).where(where.this.copy())
    bare = table.copy()
    bare.set("alias", None)
    same = exp.and_(
        *(
            exp.NullSafeEQ(
                this=exp.column(exp.to_identifier(name, quoted=True), table="lakeflow_target"),
                expression=exp.column(exp.to_identifier(name, quoted=True), table=_SOURCE),
            )
            for name in describe(f"SELECT * FROM {write(bare)}")
        )
    )
    return exp.Merge(
        this=target,
        using=rows.subquery(_SOURCE),
        on=same,
        whens=exp.Whens(expressions=[exp.When(matched=True, then=exp.Var(this="DELETE"))]),
    )


def _insert(insert: exp.Insert, describe: Describe, find_filled: Callable[[str], set[str]]) -> Tree:
    """Give NULL to the columns that an INSERT does not name, and names to its values.

    Sail takes no two values of one name, such as NULL and NULL, and no WITH before the INSERT.
    """
    target, source = insert.this, insert.expression
    is_part = insert.args.get("partition") or insert.args.get("where")
    if is_part or not isinstance(source, (exp.Query, exp.Values)):
        return insert
    has_names = isinstance(target, exp.Schema)
    table = target.this if has_names else target
    kinds = describe(f"SELECT * FROM {write(table)}")
    named = [each.name for each in target.expressions] if has_names else list(kinds)
    known = {name.lower() for name in named}
    if has_names:
        known |= find_filled(write(table))
    missing = {name: kind for name, kind in kinds.items() if name.lower() not in known}
    if (names := insert.args.get("with_")) is not None:
        source.set("with_", names.copy())
        insert.set("with_", None)
    if isinstance(source, exp.Values):
        _cast_values(source, named, kinds)
    if not missing and not _may_repeat(source, named):
        return insert
    alias = exp.TableAlias(
        this=exp.to_identifier(_SOURCE),
        columns=[exp.to_identifier(name, quoted=True) for name in named],
    )
    source = source if isinstance(source, exp.Values) else exp.Subquery(this=source)
    source.set("alias", alias)
    values: list[Tree] = [exp.column(exp.to_identifier(name, quoted=True)) for name in named]
    for name, kind in missing.items():
        value = exp.cast(exp.null(), kind, dialect="databricks")
        values.append(exp.alias_(value, name, quoted=True))
    query = exp.Select(expressions=values, from_=exp.From(this=source.copy()))
    columns = [exp.to_identifier(name, quoted=True) for name in (*named, *missing)]
    insert.set("this", exp.Schema(this=table.copy(), expressions=columns))
    insert.set("expression", query)
    return insert


def _cast_values(values: exp.Values, names: list[str], kinds: dict[str, str]) -> None:
    """Give the types of columns to nested values, and to those that are written in several ways.

    Sail takes no NULL beside an array of structs, for example.
    """
    types = {name.lower(): kind for name, kind in kinds.items()}
    columns = zip(*(row.expressions for row in values.expressions), strict=False)
    for name, column in zip(names, columns, strict=False):
        kind = types.get(name.lower(), "")
        ways = {(type(each), each.args.get("is_string")) for each in column}
        if len(ways) < 2 and "<" not in kind:
            continue
        for value in column:
            if kind and value.name.upper() != "DEFAULT":
                value.replace(exp.cast(value.copy(), kind, dialect="databricks"))


def _may_repeat(source: exp.Query | exp.Values, names: list[str]) -> bool:
    """Return whether a query has a value for each name, and not only those of tables."""
    if isinstance(source, exp.Values):
        return False
    return len(source.selects) == len(names) or (source.is_star and len(source.selects) > 1)


def _name_source(source: Tree) -> None:
    """Give a query without a name that of its only table, which its columns keep on Databricks."""
    query = source.this
    if isinstance(source, exp.Subquery) and not source.alias and isinstance(query, exp.Select):
        table = query.args.get("from_")
        if table is not None and not query.args.get("joins"):
            source.set("alias", exp.TableAlias(this=exp.to_identifier(table.this.alias_or_name)))


def _merge(merge: exp.Merge, names: Tree) -> Tree:
    """Name the queries of a merge in its source."""
    source = merge.args["using"]
    query = exp.select("*").from_(source.copy())
    query.set("with_", names.copy())
    merge.set("using", query.subquery(source.alias_or_name))
    merge.set("with_", None)
    return merge


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
    if not all(_list_added(each) or _list_moved(each) or _is_kept(each) for each in actions):
        raise NotImplementedError(_WRITE_AGAIN.format(table))
    changes, dropped = _find_changes(tree), _list_dropped(actions)
    moved = [each for each in actions if _list_moved(each)]
    if not (added or changes or dropped or moved):
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
    for action in moved:
        if {each.lower() for each in metadata["partitionColumns"]} & _list_moved(action).keys():
            raise NotImplementedError(_WRITE_AGAIN.format(table))
        fields, properties = _move_columns(fields, action, properties, table)
    kept = {key: each for key, each in properties.items() if key.lower() not in dropped}
    kept |= _number_fields(fields, kept)
    if fields != list_fields(metadata) or kept != metadata.get("configuration", {}):
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
