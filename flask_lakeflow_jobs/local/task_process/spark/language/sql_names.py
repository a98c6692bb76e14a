"""Names in the SQL of Spark: their quotes, their case and their schemas.

Sail tells upper and lower case apart in names of tables, views, schemas and catalogs. So all
requests write them in lower case. Databricks, documentation of names: Unity Catalog stores them so,
and they are not sensitive to case.

A name of two parts is one of the current catalog. Sail takes its schema for a catalog if there is
one of this name, so that the current catalog is written before it.

The workspace of a bundle has its schemas already. Here, each is created when a task first writes to
it or uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...function_calls import leave_out_stream
from ...sql_syntax import LITERAL, NAME, NAME_PART, match_syntax, split_name, unquote_part
from .sql_literals import Query

#: Returns what to write before the name of a schema.
Prefix = Callable[[str], str]

#: The formats of files that Spark reads from a path. In SQL, they stand before it as a schema.
FILE_FORMATS = frozenset(["avro", "binaryfile", "csv", "delta", "json", "orc", "parquet", "text"])
CATALOG_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_PART = re.compile(NAME_PART)
_LIST = rf"\s*{NAME_PART}(?:\s*,\s*{NAME_PART})*\s*"
_STAR = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})\s*\.\s*\*", re.DOTALL)
_WORD = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})", re.DOTALL)
_TOKEN = re.compile(rf"{LITERAL}|`[^`]*`|\w+|[^\s\w]", re.DOTALL)
_ALL_COLUMNS = re.compile(
    rf"{LITERAL}|`[^`]*`|(?P<star>(?:^|,)\s*(?:DISTINCT\s+)?\*)(?P<except>\s*EXCEPT\s*\()?",
    re.IGNORECASE | re.DOTALL,
)
_OF_QUERY = "FROM|JOIN|STREAM|TABLE"
_OF_COMMAND = (
    r"CATALOG|CLONE|DATABASE|DESC|DESCRIBE|DETAIL|EXTENDED|FORMATTED|FROM|HISTORY|INTO|JOIN|LIKE"
    r"|OVERWRITE|RENAME\s+TO|RESTORE|SCHEMA|STREAM|TABLE|UPDATE|USE|USING|VIEW"
)


def _build_pattern(words: str) -> re.Pattern[str]:
    """Return a pattern of the places where SQL names tables, and of what may look like one."""
    not_names = rf"{LITERAL}|`[^`]*`|\bDISTINCT\s+FROM\b"
    # INSERT INTO a (x, y)
    columns = rf"\b(?:INTO|OVERWRITE)\s+(?:TABLE\s+)?{NAME}\s*\({_LIST}\)"
    # FROM a AS x, b
    others = rf"(?:(?:\s+(?:AS\s+)?{NAME_PART})?\s*,\s*{NAME})*"
    exists = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
    after_words = rf"(?<![\w.:$-])(?:(?:{words})\s+)+{exists}{NAME}{others}"
    # WITH a (x) AS (
    queries = rf"(?:\bWITH\s+|,\s*){NAME_PART}(?=\s*(?:\([^()]*\)\s*)?\bAS\s*\()"
    return re.compile(
        rf"{not_names}|(?P<columns>{columns})|(?P<names>{after_words}|{queries})",
        re.IGNORECASE | re.DOTALL,
    )


_IN_QUERY, _IN_COMMAND = map(_build_pattern, (_OF_QUERY, _OF_COMMAND))
_TABLE = re.compile(NAME)
# USE takes the name for one of the current catalog.
_OF_SCHEMA = re.compile(
    rf"(?!use\b).*\b(?:schema|database)\s+(?:if\s+(?:not\s+)?exists\s+)?(?P<name>{NAME})$",
    re.DOTALL,
)
# As in extract(YEAR FROM …), where a column follows.
_FUNCTION = re.compile(r"\(\s*\w+\s+$")
#: The beginning of a query of rows, unlike SHOW, DESCRIBE and EXPLAIN.
SELECTS = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|FROM)\b", re.IGNORECASE)


def find_schema(table: str) -> list[str]:
    """Return the parts of the schema in the name of a table.

    :raises NotImplementedError: it is the path of a table.
    """
    *schema, name = split_name(table) or [""]
    if schema == ["delta"] and "/" in name:  # Sail would take it for a schema
        raise NotImplementedError(
            "Sail creates no table by its path. Give it a name and LOCATION '/…', or write a frame "
            "into the folder: ….write.format('delta').save('/…')."
        )
    return schema


def create_schema(schema: list[str], query: Query) -> None:
    """Create a schema that a task writes to or uses, if a name has one."""
    if schema:
        query(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(map(quote_part, schema))}")


def quote_name(name: str) -> str:
    """Quote a name of catalog, schema and table."""
    return ".".join(quote_part(part) for part in name.split(".", 2))


def quote_part(part: str) -> str:
    return "`" + part.replace("`", "``") + "`"


def list_catalogs(query: Query) -> list[str]:
    return [row[0] for row in query("SHOW CATALOGS").collect()]


def list_schemas(query: Query, catalog: str | None = None) -> list[str]:
    """Return the schemas of a catalog, which Sail quotes if they are such as ``my-schema``.

    :param catalog: quoted.
    """
    rows = query(f"SHOW SCHEMAS IN {catalog}" if catalog else "SHOW SCHEMAS").collect()
    return [unquote_part(row[0]) for row in rows]


def list_tables(query: Query, schema: str) -> list[str]:
    """Return the tables and views of a schema, such as ``main.default``."""
    rows = query(f"SHOW TABLES IN {quote_name(schema)}").collect()
    return [row.tableName for row in rows if not row.isTemporary]


def find_current(query: Query) -> tuple[str, str]:
    ((catalog, schema),) = query("SELECT current_catalog(), current_schema()").collect()
    return catalog, unquote_part(schema)


def complete_path(path: list[str], length: int, query: Query) -> list[str]:
    """Return the parts of a name with the current catalog and schema, where it lacks them.

    :param length: the number of its parts then: 3 for tables, 2 for schemas.
    """
    missing = length - len(path)
    return [*find_current(query)[:missing], *path] if missing > 0 else path


def add_schema(table: str, query: Query) -> str:
    """Return the name of a table with its schema: Sail takes a view of that name for the table."""
    return f"{quote_part(find_current(query)[1])}.{table}" if len(split_name(table)) == 1 else table


def lower_in_sql(statement: str, prefix: Prefix = lambda _: "") -> str:
    """Return a statement with the names of tables in lower case.

    :param prefix: of tables whose name has two parts, and of schemas.
    """
    if match_syntax("SHOW", statement):
        statement = statement.lower()
        if (match := match_syntax("SHOW (TABLES | VIEWS) (FROM | IN) <name>", statement)) is None:
            return statement
        start, end = match.span("name")
        return statement[:start] + prefix_name(match["name"], prefix, 1) + statement[end:]

    def replace(match: re.Match[str]) -> str:
        is_named = match["names"] or match["columns"]  # Sail finds capital letters in neither
        if not is_named:
            return match[0]
        name = lower_name(match[0])
        is_column = _FUNCTION.search(match.string, 0, match.start()) is not None
        return name if is_column else _prefix_all(name, prefix)

    pattern = _IN_QUERY if SELECTS.match(statement) else _IN_COMMAND
    return _unite_stars(pattern.sub(replace, statement))


def lower_name(name: str) -> str:
    """Return a name in lower case, except for paths in it, as in ``delta.`/Volumes/A```."""
    return _PART.sub(lambda part: part[0] if "/" in part[0] else part[0].lower(), name)


def prefix_name(name: str, prefix: Prefix, parts: int = 2) -> str:
    """Write a prefix before a name.

    :param parts: those that the name has without its catalog: 1 for schemas.
    """
    schema, *others = _PART.findall(name)
    return prefix(schema.strip("`")) + name if len(others) == parts - 1 else name


def _prefix_all(text: str, prefix: Prefix) -> str:
    if match := _OF_SCHEMA.match(text):
        return text[: match.start("name")] + prefix_name(match["name"], prefix, 1)
    return _TABLE.sub(lambda table: prefix_name(table[0], prefix), text)


def _unite_stars(statement: str) -> str:
    """Write a table in one way if ``Name.*`` has its columns: else, Sail finds none of them."""
    stars = {match["name"].lower() for match in _STAR.finditer(statement) if match["name"]}
    if not stars:
        return statement
    words = {match["name"] for match in _WORD.finditer(statement) if match["name"]}
    several = {name for name in stars if sum(word.lower() == name for word in words) > 1}

    def replace(match: re.Match[str]) -> str:
        is_one = match["name"] is not None and match["name"].lower() in several
        return match[0].lower() if is_one else match[0]

    return _WORD.sub(replace, statement)


def hide_metadata(text: str, view: str) -> str:
    """Leave the column ``_metadata`` of a view out of all columns of the query that reads it."""
    end = leave_out_stream(text[: text.index(view)])
    depth = 0
    for token in reversed([*_TOKEN.finditer(end)]):
        depth += (token[0] == ")") - (token[0] == "(")
        if depth == 0 and token[0].upper() == "SELECT":
            columns = _ALL_COLUMNS.sub(_hide_in_star, text[token.end() : len(end)])
            return text[: token.end()] + columns + text[len(end) :]
    return text


def _hide_in_star(match: re.Match[str]) -> str:
    if not match["star"]:
        return match[0]
    return f"{match[0]}_metadata, " if match["except"] else f"{match[0]} EXCEPT (_metadata)"
