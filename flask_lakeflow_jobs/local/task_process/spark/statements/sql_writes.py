"""Statements that write a table, where Sail refuses or writes other rows, columns or limits.

``COPY INTO`` appends files that a table does not have yet.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from sqlglot import exp

from ...json_files import read_json, write_json
from ...sql.databricks_sql import insert_partition, write_sql
from ..files.data_files import is_true, list_files
from ..files.file_sources import METADATA, FileSource
from ..language.connect_plans import name_frame
from ..language.sql_literals import Query, write_answer, write_rows
from ..language.sql_names import add_schema, quote_part
from ..tables.delta_log import (
    find_folder,
    find_location,
    limit_columns,
    read_metadata,
    reload_table,
    write_metadata,
)
from ..tables.table_writers import check_replaced, is_dynamic
from ..tables.written_values import cast_columns

_STATE = "_lakeflow_copied.json"  # in the folder of the table, so that it goes with it


def replace_rows(insert: exp.Insert, session: Any) -> Any:
    """Overwrite partitions, or check the rows of a ``REPLACE WHERE``.

    :return: a frame; ``None`` if the statement can run as it is.
    :raises ValueError: there are rows beside those that are replaced.
    """
    whole = insert_partition(insert.copy(), lambda table: session.table(write_sql(table)).columns)
    target, condition = whole.this, insert.args.get("where")
    if isinstance(target, exp.Schema):
        return None
    query = write_sql(whole.expression)
    if condition is not None:
        rows = session.sql(query).toDF(*session.table(write_sql(target)).columns)
        check_replaced(rows, write_sql(condition))
    elif whole.args.get("overwrite") and is_dynamic(session, {}):
        session.sql(query).write.insertInto(write_sql(target), overwrite=True)
        return session.sql(write_answer("The partitions are written."))
    return None


def create_by_frame(create: exp.Create, session: Any, query: Query) -> Any:
    """Create a table with the rows of a query: Sail keeps the old columns of one that it replaces.

    :param query: runs a query of Databricks.
    :return: a frame; ``None`` if Sail does the right thing.
    """
    if not isinstance(create.this, exp.Table):
        return None
    table = add_schema(write_sql(create.this), session.sql)
    is_replaced = bool(create.args.get("replace"))
    if not is_replaced and session.catalog.tableExists(table):
        return None
    options, metadata = _read_properties(create)
    writer = query(write_sql(create.expression)).write.format(options["provider"]).mode("overwrite")
    writer = writer.option("overwriteSchema", "true")
    if options["partitions"]:
        writer = writer.partitionBy(*options["partitions"])
    if options["path"] is not None:
        writer = writer.option("path", options["path"])
    writer.saveAsTable(table)
    if options["provider"] == "delta" and (is_replaced or any(metadata.values())):
        location = find_location(session.sql, table)
        has_old = bool(read_metadata(location).get("configuration"))  # of a table before it
        if has_old or any(metadata.values()):
            write_metadata(location, metadata)
        if has_old:
            reload_table(session.sql, table)
    return session.sql(write_answer(f"The table {table} is written."))


def _read_properties(create: exp.Create) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the provider, the partitions and the path of a new table, and its metadata."""
    options: dict[str, Any] = {"provider": "delta", "partitions": [], "path": None}
    metadata: dict[str, Any] = {"configuration": {}}
    properties = create.args.get("properties")
    for each in properties.expressions if properties is not None else ():
        if isinstance(each, exp.FileFormatProperty):
            options["provider"] = each.name.lower()
        elif isinstance(each, exp.PartitionedByProperty):
            options["partitions"] = [part.name for part in each.this.expressions]
        elif isinstance(each, exp.LocationProperty):
            options["path"] = each.this.name
        elif isinstance(each, exp.SchemaCommentProperty):
            metadata["description"] = each.this.name
        elif type(each) is exp.Property and not each.name.startswith("delta."):
            metadata["configuration"][each.name] = each.args["value"].name
    return options, metadata


def limit_texts(create: exp.Create, query: Query) -> None:
    """Let Sail check the lengths of texts in a table that it has created.

    As on Databricks, blanks at the end do not count.
    """
    conditions = {}
    for each in create.this.expressions if isinstance(create.this, exp.Schema) else ():
        kind = each.args.get("kind") if isinstance(each, exp.ColumnDef) else None
        if kind is not None and kind.is_type("char", "varchar") and kind.expressions:
            length = f"coalesce(length(rtrim({quote_part(each.name)})), 0)"
            conditions[each.name] = f"{length} <= {kind.expressions[0].name}"
    table = write_sql(create.this.this)
    location = find_folder(query, table) if conditions else None
    if location is not None and limit_columns(location, conditions):
        reload_table(query, table)


def copy_into(tree: exp.Copy, session: Any) -> str:
    """Append the rows of new files to a table; return a query for their number.

    :raises ValueError: the statement names no files, or there are none to give a new table columns.
    """
    table, options = write_sql(tree.this), _read_parameters(tree)
    (source,) = tree.args["files"]
    path = source.find(exp.Table) if isinstance(source, exp.Subquery) else source
    if path is None:
        raise ValueError("COPY INTO needs files, such as FROM '/Volumes/main/raw/in'.")
    folder = path.name.strip("'")
    files = list_files(folder, options["copy"].pop("pattern", "*"))
    exists = session.catalog.tableExists(table)
    state = os.path.join(find_location(session.sql, table), _STATE) if exists else None
    copied = set(read_json(state, ())) if state else set()
    forced = is_true(options["copy"], "force")
    new = [each for each in files if forced or _mark(each) not in copied]
    if not (exists or new):
        raise ValueError(
            f"There is no file in {folder}, so the columns of {table} are unknown. Put a file "
            "there, or create the table with its columns."
        )
    count = 0
    if new:
        if METADATA in write_sql(source):
            reader = FileSource(session, new[0], options["format"], None, options["read"])
            rows = reader.with_metadata().read(new)
        else:
            rows = session.read.format(options["format"]).options(**options["read"]).load(new)
        with name_frame(rows) as view:
            rows = _select(session, source, view)
            rows = cast_columns(rows, session.table(table)) if exists else rows
            writer = rows.write.format("delta").mode("append").option("mergeSchema", "true")
            writer.saveAsTable(table)
            count = rows.count()
    state = state or os.path.join(find_location(session.sql, table), _STATE)
    write_json(state, sorted({*copied, *map(_mark, new)}))
    columns = ["num_affected_rows", "num_inserted_rows", "num_skipped_corrupt_files"]
    return write_rows(dict.fromkeys(columns, "BIGINT"), [(count, count, 0)])


def _read_parameters(tree: exp.Copy) -> dict[str, Any]:
    found: dict[str, Any] = {"format": "parquet", "read": {}, "copy": {}}
    for each in tree.args.get("params") or ():
        name = each.name.upper()
        values = {
            str(pair.this.name): str(pair.args["value"].name).lower()
            if isinstance(pair.args["value"], exp.Boolean)
            else str(pair.args["value"].name)
            for pair in each.expressions
            if isinstance(pair, exp.Property)
        }
        if name == "FILEFORMAT":
            found["format"] = each.expression.name.lower()
        elif name == "FORMAT_OPTIONS":
            found["read"] = values
        elif name == "COPY_OPTIONS":
            found["copy"] |= {key.lower(): value for key, value in values.items()}
        elif name == "PATTERN":
            found["copy"]["pattern"] = each.expression.name
    found["read"].pop("mergeSchema", None)
    return found


def _select(session: Any, source: exp.Expr, view: str) -> Any:
    """Return the columns that a query of the files selects.

    :param view: of the rows of the files.
    """
    if not isinstance(source, exp.Subquery):
        return session.table(view)
    table = source.find(exp.Table)
    if table is not None:
        table.replace(exp.to_table(view))
    return session.sql(write_sql(source.this))


def _mark(file: str) -> str:
    """Return what tells a file from a later one of its name."""
    status = os.stat(file)
    text = f"{file} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
