"""``SHOW``, ``LIST``, ``DESCRIBE`` and the information schema on Sail, as queries of what is there.

Sail lacks some of them and names columns otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...sql_statements import matches_show_pattern
from ...sql_syntax import Match, match_syntax, split_name, unquote_part
from ..language.sql_literals import Query, parse_columns, write_rows
from ..language.sql_names import (
    complete_path,
    list_catalogs,
    list_schemas,
    list_tables,
    quote_name,
    quote_part,
)
from ..language.view_texts import read_view
from ..tables.delta_log import (
    find_folder,
    find_info,
    find_location,
    find_metadata,
    list_fields,
    read_commits,
    read_details,
    read_metadata,
)
from ..tables.spark_catalog import read_description

Row = tuple[Any, ...]

_IN = "[(IN | FROM) <name>]"
_LIKE = "[[LIKE] <text>] $"
_DESC = "(DESC | DESCRIBE)"
_PARTS = ("catalog", "schema", "name")
_TABLE = [f"table_{each}" for each in _PARTS]
#: The columns of the tables of an information schema.
_INFORMATION: dict[str, dict[str, str] | list[str]] = {
    "catalogs": parse_columns("catalog_name STRING"),
    "columns": dict.fromkeys(_TABLE, "STRING")
    | parse_columns(
        "column_name STRING, ordinal_position INT, is_nullable STRING, data_type STRING,"
        " full_data_type STRING, comment STRING"
    ),
    "routines": [
        *(f"{kind}_{part}" for kind in ("specific", "routine") for part in _PARTS),
        *("routine_type", "data_type", "routine_body", "external_language", "routine_definition"),
    ],
    "schemata": parse_columns("catalog_name STRING, schema_name STRING"),
    "tables": dict.fromkeys(_TABLE, "STRING")
    | parse_columns(
        "table_type STRING, data_source_format STRING, comment STRING, created TIMESTAMP,"
        " last_altered TIMESTAMP, storage_path STRING"
    ),
    "views": dict.fromkeys(_TABLE, "STRING"),
}
_CONSTRAINT = [f"constraint_{each}" for each in _PARTS]
_NAMES = ["catalog_name", "schema_name", "table_name"]
_TAG = ["tag_name", "tag_value"]
_PRIVILEGE = ["privilege_type", "is_grantable", "inherited_from"]
#: Those of keys, tags and privileges, which the local workspace does not keep.
_EMPTY = {
    "catalog_privileges": ["grantor", "grantee", "catalog_name", *_PRIVILEGE],
    "catalog_tags": ["catalog_name", *_TAG],
    "column_tags": [*_NAMES, "column_name", *_TAG],
    "constraint_column_usage": [*_CONSTRAINT, *_TABLE, "column_name"],
    "constraint_table_usage": [*_CONSTRAINT, *_TABLE],
    "key_column_usage": [*_CONSTRAINT, *_TABLE, "column_name", "ordinal_position"],
    "referential_constraints": [*_CONSTRAINT, *(f"unique_{each}" for each in _CONSTRAINT)],
    "schema_privileges": ["grantor", "grantee", "catalog_name", "schema_name", *_PRIVILEGE],
    "schema_tags": ["catalog_name", "schema_name", *_TAG],
    "table_constraints": [*_CONSTRAINT, *_TABLE, "constraint_type", "enforced"],
    "table_privileges": ["grantor", "grantee", *_TABLE, *_PRIVILEGE],
    "table_tags": [*_NAMES, *_TAG],
}


def replace_show(statement: str, query: Query, volumes: str) -> str:
    """Return a query that shows the same as a statement that Sail lacks.

    :param volumes: the folder of the volumes.
    """
    for syntax, build in _COMMANDS.items():
        if match := match_syntax(syntax, statement):
            return build(match, query, volumes)
    return statement


def _list_names(column: str, names: Iterable[str], match: Match) -> str:
    found = [(each,) for each in sorted(names) if matches_show_pattern(each, match["text"])]
    return write_rows([column], found)


def _find_tables(match: Match, query: Query, kind: str) -> list[Any]:
    rows = query(f"SHOW {kind} IN {match['name']}" if match["name"] else f"SHOW {kind}").collect()
    return [row for row in rows if matches_show_pattern(row.tableName, match["text"])]


def _show_tables(match: Match, query: Query, _: str) -> str:
    found = _find_tables(match, query, "TABLES")
    rows = [(unquote_part(row.database), row.tableName, row.isTemporary) for row in found]
    return write_rows(parse_columns("database STRING, tableName STRING, isTemporary BOOLEAN"), rows)


def _show_views(match: Match, query: Query, _: str) -> str:
    found = _find_tables(match, query, "VIEWS")
    columns = "namespace STRING, viewName STRING, isTemporary BOOLEAN, isMaterialized BOOLEAN"
    rows = [(".".join(row.namespace), row.tableName, row.isTemporary, False) for row in found]
    return write_rows(parse_columns(columns), rows)


def _show_columns(match: Match, query: Query, _: str) -> str:
    name = f"{match['schema']}.{match['name']}" if match["schema"] else match["name"]
    columns = query(f"SELECT * FROM {name}").columns
    return write_rows(["col_name"], [(each,) for each in columns])


def _show_properties(match: Match, query: Query, _: str) -> str:
    wanted = match["key"] or match["text"]
    configured = read_metadata(find_location(query, match["name"])).get("configuration") or {}
    rows = [(key, value) for key, value in sorted(configured.items()) if wanted in (None, key)]
    return write_rows(["key", "value"], rows)


def _show_partitions(match: Match, query: Query, _: str) -> str:
    names = read_metadata(find_location(query, match["name"])).get("partitionColumns")
    if not names:
        raise ValueError(
            "[INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY] "
            f"{match['name']} has no partitions."
        )
    columns = ", ".join(map(quote_part, names))
    return f"SELECT DISTINCT {columns} FROM {match['name']} ORDER BY {columns}"


def _show_create(match: Match, query: Query, _: str) -> str:
    fields = query(f"SELECT * FROM {match['name']}").schema.fields
    details = read_details(query, match["name"])
    is_view = details.get("Type") == "VIEW"
    columns = ",\n  ".join(
        (each.name if each.name.isidentifier() else quote_part(each.name))
        + ("" if is_view else f" {each.dataType.simpleString().upper()}")
        for each in fields
    )
    body = f"AS {read_view(details['View Text'])}" if is_view else "USING delta"
    kind = "VIEW" if is_view else "TABLE"
    text = f"CREATE {kind} {match['name']} (\n  {columns})\n{body}"
    return write_rows(["createtab_stmt"], [(text,)])


def _show_volumes(match: Match, query: Query, volumes: str) -> str:
    catalog, schema = complete_path(split_name(match["name"] or ""), 2, query)
    folder = os.path.join(volumes, catalog, schema)
    found = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    rows = [(schema, each) for each in found if matches_show_pattern(each, match["text"])]
    return write_rows(["database", "volume_name"], rows)


def _list_files(match: Match, query: Query, volumes: str) -> str:
    folder = match["text"].rstrip("/")  # of this machine
    found = [os.path.join(folder, each) for each in sorted(os.listdir(folder))]
    rows = [
        (
            each.replace(volumes, "/Volumes", 1),
            os.path.basename(each),
            os.path.getsize(each),
            int(os.path.getmtime(each) * 1000),
        )
        for each in found[: int(match["limit"] or len(found))]
    ]
    columns = "path STRING, name STRING, size BIGINT, modification_time TIMESTAMP"
    return write_rows(parse_columns(columns), rows)


def _describe_volume(match: Match, query: Query, volumes: str) -> str:
    catalog, database, name = complete_path(split_name(match["name"]), 3, query)
    path = f"/Volumes/{catalog}/{database}/{name}"
    if not os.path.isdir(os.path.join(volumes, catalog, database, name)):
        raise ValueError(f"There is no volume {match['name']}. Create it with CREATE VOLUME.")
    columns = ["name", "catalog", "database", "storageLocation", "volumeType"]
    return write_rows(columns, [(name, catalog, database, path, "MANAGED")])


def _describe_catalog(match: Match, query: Query, _: str) -> str:
    columns = ["info_name", "info_value"]
    return write_rows(columns, [("Catalog Name", match["name"].strip("`")), ("Comment", "")])


def _describe_query(match: Match, query: Query, _: str) -> str:
    fields = query(match[1]).schema.fields
    rows = [(each.name, each.dataType.simpleString(), None) for each in fields]
    return write_rows(_DESCRIBED, rows)


def _describe_table(match: Match, query: Query, _: str) -> str:
    """Sail knows neither the comments of ALTER TABLE nor the columns of a folder."""
    name, wanted = match["name"], (match["column"] or "").strip("`").lower()
    description = [tuple(row)[:3] for row in query(f"DESCRIBE EXTENDED {name}").collect()]
    details = read_description([row[:2] for row in description])[1]
    if "View Text" in details:
        details["View Text"] = read_view(details["View Text"])
    comments = {row[0]: row[2] for row in description}
    partitions: list[str] = []
    if details.get("Provider") == "delta":
        metadata = read_metadata(find_location(query, name))
        comments = _read_comments(metadata)
        partitions = metadata.get("partitionColumns") or []
    rows = {
        each.name: (each.name, each.dataType.simpleString(), comments.get(each.name))
        for each in query(f"SELECT * FROM {name}").schema.fields
    }
    if wanted:
        for row in rows.values():
            if row[0].lower() == wanted:
                pairs = list(zip(_DESCRIBED, row, strict=True))
                return write_rows(["info_name", "info_value"], pairs)
        raise ValueError(f"The table {name} has no column {match['column']}. Correct the name.")
    listed = list(rows.values())
    if partitions:
        listed += [("# Partition Information", "", ""), ("# col_name", "data_type", "comment")]
        listed += [rows[each] for each in partitions]
    if match["extended"]:
        listed += [("", "", ""), ("# Detailed Table Information", "", "")]
        listed += [(key, value, "") for key, value in details.items() if not key.startswith("#")]
    return write_rows(_DESCRIBED, listed)


def insert_information(
    tree: Any, query: Query, list_routines: Callable[[list[str]], Iterable[Row]]
) -> Any:
    """Replace the tables of information schemas by queries.

    :param list_routines: returns the rows of functions in catalogs.
    """
    from sqlglot import exp  # it takes long to import

    from .query_columns import parse_query

    for table in list(tree.find_all(exp.Table)):
        name = table.name.lower()
        columns = _INFORMATION.get(name) or _EMPTY.get(name)
        if table.db.lower() != "information_schema" or columns is None:
            continue
        rows: list[Row] = []
        if name in _INFORMATION:
            catalogs = _list_catalogs(table.catalog, query)
            if name == "routines":
                rows = list(list_routines(catalogs))
            else:
                rows = list(_list_information(name, catalogs, query))
        alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name))
        table.replace(exp.Subquery(this=parse_query(write_rows(columns, rows)), alias=alias))
    return tree


def _list_catalogs(name: str, query: Query) -> list[str]:
    if name.lower() == "system":
        return [each for each in list_catalogs(query) if each != "system"]
    return [name or str(query("SELECT current_catalog()").first()[0])]


def _list_information(kind: str, catalogs: list[str], query: Query) -> Iterator[Row]:
    for catalog in catalogs:
        if kind == "catalogs":
            yield (catalog,)
            continue
        for schema in list_schemas(query, quote_part(catalog)):
            if kind == "schemata":
                yield catalog, schema
            else:
                yield from _list_tables(kind, f"{catalog}.{schema}", query)


def _list_tables(kind: str, schema: str, query: Query) -> Iterator[Row]:
    path = schema.split(".", 1)
    views = {row.tableName for row in query(f"SHOW VIEWS IN {quote_name(schema)}").collect()}
    for table in list_tables(query, schema):
        is_view = table in views
        if kind == "tables":
            source = ("VIEW", None) if is_view else ("MANAGED", "DELTA")
            yield *path, table, *source, *_read_log(quote_name(f"{schema}.{table}"), query)
        elif kind == "views" and is_view:
            yield *path, table
        elif kind == "columns":
            yield from _list_columns(path, table, query)


def _read_log(name: str, query: Query) -> Row:
    """Return the comment, the times of the first and the last change, and the folder of a table."""
    if (location := find_folder(query, name)) is None:
        return (None,) * 4
    commits = list(read_commits(location))
    metadata, (_, actions) = find_metadata(commits), commits[-1]
    changed = find_info(actions).get("timestamp")
    return metadata.get("description"), metadata.get("createdTime"), changed, f"file:{location}"


def _list_columns(path: list[str], table: str, query: Query) -> Iterator[Row]:
    from pyspark.errors import AnalysisException  # its tests have no pyspark

    name = quote_name(".".join([*path, table]))
    try:
        fields = query(f"SELECT * FROM {name}").schema.fields
    except AnalysisException:  # a view of a dropped table
        return
    location = find_folder(query, name)
    comments = _read_comments(read_metadata(location)) if location else {}
    for position, field in enumerate(fields):
        kind = field.dataType.simpleString()
        null = "YES" if field.nullable else "NO"
        plain = kind.partition("<")[0].partition("(")[0].upper()
        yield *path, table, field.name, position, null, plain, kind, comments.get(field.name)


def _read_comments(metadata: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["metadata"].get("comment") for each in list_fields(metadata)}


_DESCRIBED = ["col_name", "data_type", "comment"]
_GRANTS = ["Principal", "ActionType", "ObjectType", "ObjectKey"]
_COMMANDS: dict[str, Callable[[Match, Query, str], str]] = {
    f"SHOW (SCHEMAS | DATABASES) {_IN} {_LIKE}": lambda match, query, _: _list_names(
        "databaseName", list_schemas(query, match["name"]), match
    ),
    f"SHOW CATALOGS {_LIKE}": lambda match, query, _: _list_names(
        "catalog", list_catalogs(query), match
    ),
    f"SHOW TABLES {_IN} {_LIKE}": _show_tables,
    f"SHOW VIEWS {_IN} {_LIKE}": _show_views,
    "SHOW COLUMNS (IN | FROM) <name> [(IN | FROM) <schema>] $": _show_columns,
    r"SHOW TBLPROPERTIES <name> [\( (<text> | <key>) \)] $": _show_properties,
    "SHOW PARTITIONS <name> $": _show_partitions,
    "SHOW CREATE TABLE <name> $": _show_create,
    f"SHOW VOLUMES {_IN} {_LIKE}": _show_volumes,
    "SHOW (GRANT | GRANTS)": lambda *_: write_rows(_GRANTS, []),
    "LIST <text> [LIMIT <limit>] $": _list_files,
    f"{_DESC} VOLUME <name> $": _describe_volume,
    f"{_DESC} CATALOG [EXTENDED] <name> $": _describe_catalog,
    # Sail finds no schema of a catalog with EXTENDED, which adds properties only.
    f"{_DESC} (DATABASE | SCHEMA) EXTENDED <name> $": (
        lambda match, *_: f"DESCRIBE SCHEMA {match['name']}"
    ),
    f"{_DESC} (DATABASE | FUNCTION | SCHEMA) <name>": lambda match, *_: match.string,
    f"{_DESC} QUERY <rest>": _describe_query,
    f"{_DESC} <query>": _describe_query,
    f"{_DESC} [TABLE] [<extended: EXTENDED | FORMATTED>] <name> [<column>] $": _describe_table,
}
