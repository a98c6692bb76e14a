"""Runs SQL of Databricks on DuckDB, as sqlglot translates it."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from .duckdb_lock import lock_tables

_MAIN = "warehouse"  # the catalog ``main``, whose name DuckDB reserves
_DEFAULT_SCHEMA = "default"
_EXTENSION = ".duckdb"
_ADVICE = (
    "Install the extra 'spark', which runs it as Spark SQL, or simulate the job (tag "
    "'local_simulation')."
)


class DuckDbRefused(RuntimeError):
    """DuckDB does not run a statement. The message shows it, and says what to do."""


class DuckDb:
    """The tables of SQL tasks: a DuckDB file for each catalog.

    One task at a time has them: DuckDB lets only one process open a file.
    """

    def __init__(self) -> None:
        with ExitStack() as resources:
            resources.enter_context(lock_tables())
            self._database: Any = duckdb.connect(os.environ["LAKEFLOW_LOCAL_DUCKDB"])
            resources.callback(self._database.close)
            self._database.execute("SET TimeZone = 'UTC'")
            for name in sorted(os.listdir(_folder())):
                catalog, extension = os.path.splitext(name)
                if extension == _EXTENSION and catalog != _MAIN:
                    self._attach(catalog)
            self._use([_MAIN, _DEFAULT_SCHEMA])
            self._resources = resources.pop_all()

    def run(
        self, statement: str, parameters: dict[str, str]
    ) -> tuple[list[str], list[tuple[Any, ...]]] | None:
        """Run one statement, with its parameters as ``:name``.

        :return: the columns and rows of its result, ``None`` if it has none.
        :raises DuckDbRefused: DuckDB cannot run it.
        :raises ValueError: a parameter has no value.
        """
        try:
            tree = sqlglot.parse_one(statement, read="databricks")
        except sqlglot.errors.SqlglotError as error:
            raise DuckDbRefused(
                f"sqlglot cannot read this statement: {statement}. {_ADVICE} {error}"
            ) from None
        if isinstance(tree, exp.Use):
            self._run_use(tree)
            return None
        self._prepare(tree)
        names = {each.name for each in tree.find_all(exp.Placeholder)}
        if missing := names - parameters.keys():
            raise ValueError(
                f"The parameter {', '.join(sorted(missing))} has no value. Give it one under "
                "'parameters' of the task or of its job."
            )
        translated = tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)
        try:
            result = self._database.execute(translated, {each: parameters[each] for each in names})
        except duckdb.Error as error:
            raise DuckDbRefused(
                f"DuckDB refused this statement, as sqlglot translates it: {translated}. {_ADVICE} "
                f"{error}"
            ) from error
        if not result.description:
            return None
        return [column[0] for column in result.description], result.fetchall()

    def close(self) -> None:
        """Close the files, and let the next task open them."""
        self._resources.close()

    def _run_use(self, tree: exp.Use) -> None:
        names = [each.name for each in tree.this.parts]
        if tree.text("kind").upper() == "CATALOG":
            names = [*names, _DEFAULT_SCHEMA]
        if len(names) > 1:
            names = [self._name_catalog(names[0]), names[1]]
        self._use(names)

    def _prepare(self, tree: Any) -> None:
        """Name catalogs as DuckDB does, and create the schema of a new table."""
        for node in tree.find_all(exp.Table, exp.Column):
            if node.args.get("catalog"):
                catalog = exp.to_identifier(self._name_catalog(node.catalog), quoted=True)
                node.set("catalog", catalog)
        if isinstance(tree, exp.Create) and (table := tree.find(exp.Table)) and table.db:
            names = [each for each in (table.catalog, table.db) if each]
            self._database.execute(f"CREATE SCHEMA IF NOT EXISTS {_quote(names)}")

    def _name_catalog(self, name: str) -> str:
        """Return the name of a catalog in DuckDB, which is attached if it is new."""
        if name.lower() in ("main", _MAIN):
            return _MAIN
        self._attach(name)
        return name

    def _attach(self, catalog: str) -> None:
        if os.sep in catalog or catalog.startswith("."):
            raise ValueError(f"{catalog!r} is no name of a catalog. Use letters, digits and '_'.")
        file = os.path.join(_folder(), catalog.lower() + _EXTENSION).replace("'", "''")
        self._database.execute(f"ATTACH IF NOT EXISTS '{file}' AS {_quote([catalog])}")

    def _use(self, names: list[str]) -> None:
        self._database.execute(f"CREATE SCHEMA IF NOT EXISTS {_quote(names)}")
        self._database.execute(f"USE {_quote(names)}")


@lru_cache(maxsize=1)
def open_tables() -> DuckDb:
    """Return the tables of this process. Its notebooks share them, and it has them to its end."""
    tables = DuckDb()
    # In order: the next task must find the files closed once it has the lock.
    atexit.register(tables.close)
    return tables


def _quote(names: list[str]) -> str:
    return ".".join('"' + each.replace('"', '""') + '"' for each in names)


def _folder() -> str:
    return os.environ["LAKEFLOW_LOCAL_DATA"]
