"""Runs SQL statements of Databricks in DuckDB."""

from __future__ import annotations

import os
import re

import duckdb
from sqlglot import exp

from .catalogs import connect, create_catalog, prepare_create, use
from .sql_advice import UnsupportedStatement
from .sql_translation import (
    find_created,
    find_identifiers,
    is_skipped,
    name_of,
    parse,
    skipped_name,
    translate,
)
from .statements import ResultTable, replace_braces, split_statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CATALOG = re.compile(r"\s*CATALOG\s+(?:IF\s+NOT\s+EXISTS\s+)?(`[^`]+`|[\w-]+)", re.IGNORECASE)

_WIDGET = re.compile(r"\s*WIDGET\s+\w+\s+(\w+)\s+DEFAULT\s+(['\"])(.*?)\2", re.IGNORECASE)


def run_sql(path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Run a file; print and return the rows of the last statement's result.

    :return: ``rows`` for other tasks, and ``query_result`` for the output.
    """
    with open(path, encoding="utf-8-sig") as file:
        table = run_statements(file.read(), parameters, os.path.basename(path))
    return {"rows": table.to_json(), "query_result": table.to_query_result()} if table else {}


def run_statements(
    text: str, parameters: dict[str, str], place: str = "", line: int = 0
) -> ResultTable | None:
    """Run statements; print and return the result of the last one, if it has any.

    :param place: of the text, for errors: the name of a file, or a cell of it.
    :param line: of the place, from 0, at which the text begins.
    """
    database = connect()
    table = None
    try:
        for statement, offset in _list_statements(_insert_texts(text, parameters)):
            try:
                result = run_statement(database, statement, parameters)
                table = None if result is None else _read(result)
            except (duckdb.Error, UnsupportedStatement) as error:
                if place:
                    error.args = (f"{place}, line {line + offset + 1}: {error}",)
                raise
    finally:
        database.close()
    if table is not None:
        table.print()
    return table


def run_statement(database: Any, statement: str, parameters: dict[str, str]) -> Any:
    """Run one statement of Databricks, with its parameters as ``:name``.

    ``CREATE WIDGET`` adds a parameter to them.

    :param database: see :func:`.connect`.
    :return: the connection, with a result to fetch; ``None`` if there is none.
    :raises UnsupportedStatement: DuckDB cannot run it; the message says what to do.
    """
    named = _resolve_identifiers(database, statement, parameters)
    tree = parse(named)
    if is_skipped(tree):
        print(f"{skipped_name(tree)} is skipped: it changes no result in the local workspace.")
        return None
    if isinstance(tree, exp.Use):
        is_catalog = tree.text("kind").upper() == "CATALOG"
        use(database, is_catalog=is_catalog, names=_read_names(database, tree.this, parameters))
        return None
    if isinstance(tree, exp.Command) and (match := _CATALOG.match(str(tree.expression))):
        create_catalog(database, match[1].strip("`"))
        return None
    if isinstance(tree, exp.Command) and (match := _WIDGET.match(str(tree.expression))):
        parameters.setdefault(match[1], match[3])
        return None
    if (created := find_created(tree)) is not None:
        prepare_create(database, str(tree.args["kind"]), name_of(created))
    result = _execute_all(database, named, translate(tree), parameters)
    return result if result.description else None


def _list_statements(text: str) -> Iterator[tuple[str, int]]:
    """Yield each statement, and the line from 0 at which it begins."""
    text = replace_braces(text)
    end = 0
    for statement in split_statements(text):
        start = text.index(statement, end)
        end = start + len(statement)
        blank = len(statement) - len(statement.lstrip())
        yield statement, text.count("\n", 0, start + blank)


def _insert_texts(text: str, parameters: dict[str, str]) -> str:
    """Replace ``${name}``, the older form of a parameter, which may be a part of anything."""
    return re.sub(r"\$\{(\w+)\}", lambda match: parameters.get(match[1], match[0]), text)


def _execute_all(
    database: Any, statement: str, translated: list[str], parameters: dict[str, str]
) -> Any:
    if len(translated) == 1:
        return _execute(database, statement, translated[0], parameters)
    database.execute("BEGIN")
    try:
        for each in translated:
            result = _execute(database, statement, each, parameters)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
    return result


def _execute(database: Any, statement: str, translated: str, parameters: dict[str, str]) -> Any:
    """Run a statement of DuckDB that does the work of one of Databricks."""
    try:
        (extracted,) = database.extract_statements(translated)
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


def _read(result: Any) -> ResultTable:
    return ResultTable([column[0] for column in result.description], result.fetchall())


def _resolve_identifiers(database: Any, statement: str, parameters: dict[str, str]) -> str:
    """Replace each ``IDENTIFIER(…)`` by the name that the expression inside evaluates to."""
    for start, end, expression in reversed(find_identifiers(statement)):
        name = _evaluate(database, expression, parameters)
        quoted = ".".join(f"`{part.strip('`')}`" for part in name.split("."))
        statement = statement[:start] + quoted + statement[end:]
    return statement


def _read_names(database: Any, table: exp.Expression, parameters: dict[str, str]) -> list[str]:
    """Return the parts of a name that may be a parameter, as Databricks allows it after USE."""
    if isinstance(table.this, exp.Placeholder):
        return _evaluate(database, f":{table.this.name}", parameters).split(".")
    return name_of(table)


def _evaluate(database: Any, expression: str, parameters: dict[str, str]) -> str:
    query = f"SELECT {expression}"
    (value,) = _execute_all(database, query, translate(parse(query)), parameters).fetchone()
    return str(value)
