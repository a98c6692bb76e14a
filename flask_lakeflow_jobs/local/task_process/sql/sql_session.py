"""State that lasts from one SQL statement to the next: variables, and that of a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from sqlglot import exp

from ..sql_syntax import match_syntax, split_name
from .catalogs import quote_in_duckdb
from .databricks_sql import Tree, list_declared
from .sql_macros import MACRO_NAMES

Evaluate = Callable[[Tree], tuple[Any, ...]]

_MISSING = re.compile(r'Referenced column "(\w+)" (?:not found|was not found)', re.IGNORECASE)
_DROP = "DROP [TEMP | TEMPORARY] VARIABLE [<exists: IF EXISTS>] <name>"


class SqlSession:
    """The state of a notebook between its cells, as each of them opens the warehouse again.

    It has the current schema, temporary views and functions, and variables.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._variables: list[tuple[str, Any, str]] = []

    def restore(self, database: Any) -> None:
        """Bring a new connection to the state that was kept."""
        for statement in self._statements:
            database.create_macros(statement)
            database.execute(statement)
        for variable in self._variables:
            _assign(database, *variable)

    def keep(self, database: Any) -> None:
        path = database.execute(
            "SELECT system.main.current_database(), system.main.current_schema()"
        ).fetchone()
        functions = database.execute(
            "SELECT function_name, parameters, function_type = 'table_macro', macro_definition "
            "FROM duckdb_functions() WHERE database_name = 'temp' AND NOT internal"
        ).fetchall()
        views = database.execute(
            "SELECT sql FROM duckdb_views() WHERE temporary AND NOT internal ORDER BY view_oid"
        ).fetchall()
        self._statements = [
            f"USE {quote_in_duckdb(list(path))}",
            *(
                f"CREATE OR REPLACE TEMP MACRO {quote_in_duckdb([name])}"
                f"({', '.join(parameters)}) AS {'TABLE ' if is_table else ''}{body}"
                for name, parameters, is_table, body in functions
                if name not in MACRO_NAMES
            ),
            *(statement for (statement,) in views),
        ]
        self._variables = [
            (name, database.execute("SELECT getvariable($1)", [name]).fetchone()[0], kind)
            for name, kind in list_variables(database).items()
        ]


def declare_variables(database: Any, tree: exp.Declare, evaluate: Evaluate) -> None:
    """Run ``DECLARE``: variables with a type or a default."""
    for names, kind, value in list_declared(tree):
        for name in names:
            if not tree.args.get("replace") and name.lower() in list_variables(database):
                raise ValueError(f"The variable {name} already exists. Write DECLARE OR REPLACE.")
            _assign(database, name, evaluate(value)[0], kind.sql("duckdb") if kind else None)


def assign_session_variables(database: Any, names: list[str], values: tuple[Any, ...]) -> None:
    """Give declared variables other values of their types, as ``SET VAR`` does."""
    declared = list_variables(database)
    for name, value in zip(names, values, strict=True):
        if name.lower() not in declared:
            raise ValueError(f"There is no variable {name}. Declare it first: DECLARE {name} = …")
        _assign(database, name, value, declared[name.lower()])


def drop_variable(database: Any, text: str) -> bool:
    """Run ``DROP TEMPORARY VARIABLE``; return whether the text is that."""
    if not (match := match_syntax(_DROP, text)):
        return False
    name = split_name(match["name"])[-1].lower()
    if name in list_variables(database):
        database.execute(f"RESET VARIABLE {quote_in_duckdb([name])}")
    elif not match["exists"]:
        raise ValueError(f"There is no variable {name}.")
    return True


def list_variables(database: Any) -> dict[str, str]:
    """Return the types of the declared variables, by name."""
    return dict(database.execute("SELECT name, type FROM duckdb_variables()").fetchall())


def insert_variables(tree: Tree, names: Container[str]) -> Tree:
    """Replace columns of these names, and those such as ``session.name``, by variables."""

    def replace(node: Tree) -> Tree:
        if not isinstance(node, exp.Column):
            return node
        is_named = not node.table and node.name.lower() in names
        return _variable(node.name) if is_named or node.table.lower() == "session" else node

    return tree.copy().transform(replace)


def find_missing_variable(error: Exception, variables: dict[str, str]) -> str | None:
    """Return the variable that a statement means by a name which no table has as a column."""
    match = _MISSING.search(str(error))
    return match[1].lower() if match and match[1].lower() in variables else None


def _variable(name: str) -> Tree:
    return exp.func("getvariable", exp.Literal.string(name.lower()))


def _assign(database: Any, name: str, value: Any, kind: str | None) -> None:
    quoted = quote_in_duckdb([name.lower()])
    cast = f"CAST($1 AS {kind})" if kind and kind != '"NULL"' else "$1"
    database.execute(f"SET VARIABLE {quoted} = (SELECT {cast})", [value])
