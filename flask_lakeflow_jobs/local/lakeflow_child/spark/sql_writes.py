"""Statements that write a table, where Sail writes other rows, columns or limits."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from ..sql.databricks_sql import insert_partition
from .language.sql_names import quote_part
from .language.sql_text import Query
from .query_columns import write
from .tables.delta_log import (
    find_location,
    limit_columns,
    read_metadata,
    reload_table,
    write_metadata,
)
from .tables.table_writers import check_replaced, is_dynamic


def replace_rows(insert: exp.Insert, session: Any) -> Any:
    """Overwrite partitions, or check the rows of a ``REPLACE WHERE``.

    :return: a frame; ``None`` if the statement can run as it is.
    :raises ValueError: there are rows beside those that are replaced.
    """
    whole = insert_partition(insert.copy(), lambda table: session.table(write(table)).columns)
    target, condition = whole.this, insert.args.get("where")
    if isinstance(target, exp.Schema):
        return None
    query = write(whole.expression)
    if condition is not None:
        rows = session.sql(query).toDF(*session.table(write(target)).columns)
        check_replaced(rows, write(condition))
    elif whole.args.get("overwrite") and is_dynamic(session, {}):
        session.sql(query).write.insertInto(write(target), overwrite=True)
        return session.sql("SELECT 'The partitions are written.' AS message")
    return None


def create_by_frame(create: exp.Expr, session: Any, query: Query) -> Any:
    """Create a table with the rows of a query: Sail keeps the old columns of one that it replaces.

    :param query: runs a query of Databricks.
    :return: a frame; ``None`` if Sail does the right thing.
    """
    if not isinstance(create, exp.Create) or not isinstance(create.this, exp.Table):
        return None
    table, is_replaced = write(create.this), bool(create.args.get("replace"))
    if not is_replaced and session.catalog.tableExists(table):
        return None
    options, metadata = _read_properties(create)
    writer = query(write(create.expression)).write.format(options["provider"]).mode("overwrite")
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
    return session.sql(f"SELECT 'The table {table.replace(chr(39), '')} is written.' AS message")


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
    table = write(create.this.this)
    try:
        is_limited = bool(conditions) and limit_columns(find_location(query, table), conditions)
    except ValueError:
        return  # it is no Delta table
    if is_limited:
        reload_table(query, table)
