"""Runs SQL statements of Databricks in DuckDB, as far as the two dialects agree."""

from __future__ import annotations

import re

import duckdb

from .catalogs import connect, prepare_create, quote_name, rename_main_catalog, use
from .sql_advice import UnsupportedStatement
from .statements import ResultTable, remove_comments, replace_tokens, split_statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# How Databricks stores and describes what a CREATE statement creates.
_STORAGE_CLAUSES = re.compile(
    r"(?P<unchanged>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/)"
    r"|\b(?:MATERIALIZED\s+(?=VIEW\b)|USING\s+DELTA\b"
    r"|COMMENT\s+(?:'(?:[^']|'')*'|\"[^\"]*\")|TBLPROPERTIES\s*\([^()]*\)"
    r"|(?:CLUSTER|PARTITIONED)\s+BY\s*(?:AUTO\b|\([^()]*\)))",
    re.DOTALL | re.IGNORECASE,
)
_CREATE = re.compile(r"^\s*CREATE\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\bIDENTIFIER\s*\(([^()]*)\)", re.IGNORECASE)
_USE = re.compile(r"^\s*USE\s+(?:(CATALOG|SCHEMA|DATABASE)\s+)?(.+?)\s*;?\s*$", re.IGNORECASE)


def run_sql(path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Run a file; print and return the rows of the last statement's result.

    :return: ``rows`` for other tasks, and ``query_result`` for the output.
    """
    with open(path, encoding="utf-8-sig") as file:
        table = run_statements(file.read(), parameters)
    return {"rows": table.to_json(), "query_result": table.to_query_result()} if table else {}


def run_statements(text: str, parameters: dict[str, str]) -> ResultTable | None:
    """Run statements; print and return the result of the last one, if it has any."""
    database = connect()
    table = None
    try:
        for each in split_statements(text):
            statement = _resolve_identifiers(database, to_duckdb(each), parameters)
            table = _run(database, statement, parameters)
    finally:
        database.close()
    if table is not None:
        table.print()
    return table


def to_duckdb(text: str) -> str:
    """Translate parameters (``:name``, ``{{name}}``), quoted names and the current time."""

    def replacement(token: re.Match[str]) -> str:
        if name := token["named"] or token["braced"]:
            return f"${name}"
        if token["clock"]:
            return token["clock"]
        if name := token["quoted"]:
            name = name.replace("``", "`").replace('"', '""')
            return f'"{name}"'
        return token[0]

    return replace_tokens(text, replacement)


def _run(database: Any, statement: str, parameters: dict[str, str]) -> ResultTable | None:
    bare = remove_comments(statement)
    if match := _USE.match(bare):
        is_catalog = (match[1] or "").upper() == "CATALOG"
        use(database, is_catalog=is_catalog, name=_resolve_name(database, match[2], parameters))
        return None
    if _CREATE.match(bare):
        statement = _remove_storage_clauses(statement)
        if prepare_create(database, _remove_storage_clauses(bare)):
            return None
    result = _execute(database, rename_main_catalog(statement), parameters)
    if not result.description:
        return None
    return ResultTable([column[0] for column in result.description], result.fetchall())


def _remove_storage_clauses(statement: str) -> str:
    return _STORAGE_CLAUSES.sub(lambda match: match["unchanged"] or "", statement)


def _execute(database: Any, statement: str, parameters: dict[str, str]) -> Any:
    try:
        (extracted,) = database.extract_statements(statement)
        names = extracted.named_parameters
        if missing := names - parameters.keys():
            raise ValueError(f"The parameter {', '.join(sorted(missing))} has no value.")
        return database.execute(extracted, {name: parameters[name] for name in names})
    except (duckdb.ParserException, duckdb.NotImplementedException) as error:
        raise UnsupportedStatement(statement, error) from error
    except duckdb.CatalogException as error:
        if "Function with name" in str(error):
            raise UnsupportedStatement(statement, error) from error
        raise


def _resolve_identifiers(database: Any, statement: str, parameters: dict[str, str]) -> str:
    """Replace each ``IDENTIFIER(…)`` by the name that the expression inside evaluates to."""

    def replacement(match: re.Match[str]) -> str:
        (name,) = _execute(database, f"SELECT {match[1]}", parameters).fetchone()
        return quote_name(name)

    return _IDENTIFIER.sub(replacement, statement)


def _resolve_name(database: Any, name: str, parameters: dict[str, str]) -> str:
    """Evaluate a name that may be a parameter, as Databricks allows it after USE."""
    if not name.startswith(("$", "'")):
        return name.strip('"').replace('"."', ".")
    (value,) = _execute(database, f"SELECT {name}", parameters).fetchone()
    return str(value)
