"""Runs SQL statements of Databricks in DuckDB."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import duckdb
from sqlglot import exp

from ..paths import localize_sql
from ..result_types import ResultTable, simple_type
from ..sql_statements import describe_skipped, replace_braces, replace_identifiers, split_statements
from .catalogs import Warehouse, transaction
from .databricks_sql import Immediate, number_markers
from .query_scopes import find_kind, list_selects
from .sql_advice import UnsupportedStatement
from .sql_commands import Commands
from .sql_session import (
    SqlSession,
    assign_session_variables,
    find_missing_variable,
    insert_variables,
    list_variables,
)
from .sql_translation import parse, skipped_name, translate
from .text_casts import convert_texts

_TEXT_OPERAND = re.compile(
    r"(?:No function matches|Could not choose a best candidate).*(?:VARCHAR|STRING_LITERAL)"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")


def run_sql(path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Run a file; print the last statement's result, and return it as the outcome of a task."""
    with open(path, encoding="utf-8-sig") as file:
        table = run_statements(file.read(), parameters, os.path.basename(path))
    return table.to_outcome() if table else {}


def run_statements(
    text: str,
    parameters: dict[str, str],
    place: str = "",
    line: int = 0,
    session: SqlSession | None = None,
) -> ResultTable | None:
    """Run statements; print and return the result of the last one, if it has any.

    :param place: of the text, for errors: the name of a file, or a cell of it.
    :param line: of the place, from 0, at which the text begins.
    """
    database = Warehouse()
    table = None
    try:
        if session:
            session.restore(database)
        # ${name} is the older form of a parameter, which may be a part of anything.
        text = re.sub(r"\$\{(\w+)\}", lambda match: parameters.get(match[1], match[0]), text)
        for statement, offset in _list_statements(text, parameters):
            try:
                result = run_statement(database, statement, parameters)
                table = None
                if result is not None:
                    columns = [column[0] for column in result.description]
                    table = ResultTable(columns, result.fetchall())
            except (duckdb.Error, UnsupportedStatement) as error:
                if place:
                    error.args = (f"{place}, line {line + offset + 1}: {error}",)
                raise
        if session:
            session.keep(database)
    finally:
        database.close()
    if table is not None:
        table.print()
    return table


def run_statement(database: Any, statement: str, parameters: dict[str, str]) -> Any:
    """Run one statement of Databricks, with its parameters as ``:name``.

    ``CREATE WIDGET`` adds a parameter to them.

    :param database: see :class:`.Warehouse`.
    :return: the connection, with a result to fetch; ``None`` if there is none.
    :raises UnsupportedStatement: DuckDB cannot run it; the message says what to do.
    """
    return _Runner(database, parameters).run(statement)


class _Runner:
    """Runs statements with parameters."""

    def __init__(self, database: Any, parameters: dict[str, Any]) -> None:
        self._database = database
        self._parameters = parameters
        self._commands = Commands(database, self._evaluate, parameters)

    def run(self, statement: str) -> Any:
        """Run a statement; return the connection if it has a result."""
        named = replace_identifiers(statement, lambda text: self._evaluate_text(text)[0])
        tree = parse(named)
        if name := skipped_name(named, tree):
            print(describe_skipped(name))
            return None
        if isinstance(tree, exp.Command) and tree.name == "EXECUTE":
            return self._run_immediate(Immediate(tree.text("expression")))
        is_done, result = self._commands.run(named, tree)
        if not is_done:
            self._commands.prepare(tree)
            result = self._run_corrected(named, tree)
            self._commands.clean_up(tree)
        return result if result is not None and result.description else None

    def _run_immediate(self, immediate: Immediate) -> Any:
        """Run a statement that is the value of an expression."""
        (statement,) = self._evaluate_text(immediate.statement)
        named, positional = {}, []
        for each in immediate.using:
            (value,) = self._evaluate(each.unalias())
            if isinstance(each, exp.Alias):
                named[each.alias] = value
            else:
                positional.append(value)
        text, parameters = number_markers(str(statement), positional)
        result = _Runner(self._database, {**named, **parameters}).run(text)
        if not immediate.into:
            return result
        row = None if result is None else result.fetchone()
        assign_session_variables(
            self._database, immediate.into, row or tuple(None for _ in immediate.into)
        )
        return None

    def _run_corrected(self, statement: str, tree: exp.Expr) -> Any:
        """Run a statement as Databricks reads it, where DuckDB refuses that.

        A name that is no column is the variable of this name, and a text in a calculation a number.
        """
        tree = tree.transform(self._count_with_texts)
        used: set[str] = set()
        may_convert = True
        while True:
            try:
                translated = translate(insert_variables(tree, used))
                return self._execute_all(statement, translated)
            except duckdb.BinderException as error:
                name = find_missing_variable(error, list_variables(self._database))
                if name is not None and name not in used:
                    used.add(name)
                elif may_convert and _TEXT_OPERAND.search(str(error)):
                    may_convert = False  # once
                    for select in list_selects(tree):
                        find = partial(find_kind, select, self._describe)
                        convert_texts(select, find, is_lenient=False)
                else:
                    raise

    def _describe(self, query: str) -> dict[str, str]:
        """Return the columns of a query and their types, as Spark names these."""
        (translated,) = translate(parse(f"SELECT * FROM ({query}) LIMIT 0"))  # noqa: S608 (a query)
        described = self._execute(query, translated).description
        return {name: simple_type(kind) for name, kind, *_ in described}

    def _count_with_texts(self, node: exp.Expr) -> exp.Expr:
        """Take a parameter for a number in a calculation, as those of a task are texts."""
        value = self._parameters.get(node.name) if isinstance(node, exp.Placeholder) else None
        is_counted = isinstance(node.parent, (exp.Add, exp.Sub, exp.Mul, exp.Div))
        if not isinstance(value, str) or not is_counted or not _NUMBER.fullmatch(value):
            return node
        return exp.cast(node, "bigint" if value.lstrip("+-").isdigit() else "double")

    def _execute_all(self, statement: str, translated: list[str]) -> Any:
        if len(translated) == 1:
            return self._execute(statement, translated[0])
        with transaction(self._database):
            for each in translated:
                result = self._execute(statement, each)
        return result

    def _execute(self, statement: str, translated: str) -> Any:
        """Run a statement of DuckDB that does the work of one of Databricks."""
        parameters = self._parameters
        translated = localize_sql(translated)
        self._database.create_macros(translated)
        try:
            (extracted,) = self._database.extract_statements(translated)
            names = extracted.named_parameters
            if missing := names - parameters.keys():
                raise ValueError(f"The parameter {', '.join(sorted(missing))} has no value.")
            return self._database.execute(extracted, {name: parameters[name] for name in names})
        except (duckdb.ParserException, duckdb.NotImplementedException) as error:
            raise UnsupportedStatement(statement, error) from error
        except duckdb.CatalogException as error:
            if "Function with name" in str(error):
                raise UnsupportedStatement(statement, error) from error
            raise

    def _evaluate_text(self, expression: str) -> tuple[Any, ...]:
        return self._evaluate(parse(f"SELECT {expression}"))

    def _evaluate(self, tree: exp.Expr) -> tuple[Any, ...]:
        """Return the first row of a query, or the value of an expression."""
        query = tree if isinstance(tree, exp.Query) else exp.select(tree.copy())
        row = self._run_corrected(query.sql("databricks"), query).fetchone()
        return tuple(row) if row else tuple(None for _ in query.selects)


def _list_statements(text: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield each statement, and the line from 0 at which it begins."""
    text = replace_braces(text, parameters)
    end = 0
    for statement in split_statements(text):
        start = text.index(statement, end)
        end = start + len(statement)
        blank = len(statement) - len(statement.lstrip())
        yield statement, text.count("\n", 0, start + blank)
