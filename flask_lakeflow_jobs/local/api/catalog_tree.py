"""The catalogs, schemas, tables and volumes of the workspace: from statements, and from folders."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractContextManager, suppress

from ..errors import ApiError
from ..files.volume_folder import Folder
from ..tasks.statement_runner import SUCCEEDED, Statement, StatementRequest, StatementRunner
from .catalog_objects import (
    Name,
    build_columns_query,
    build_information_query,
    does_not_exist,
    name_of_object,
    split_columns,
)
from .serializers import Json

#: Below the 60 seconds for which the SDK waits.
MAX_WAIT_SECONDS = 50


class CatalogTree:
    """The objects of Unity Catalog. Names are lowercase, but for those of volumes.

    :param waiting: see :class:`.StatementEndpoints`.
    :param named_catalogs: returns the catalogs that exist before a task has created them.
    :param volumes: the folder of volumes.
    """

    def __init__(
        self,
        runner: StatementRunner,
        waiting: Callable[[], AbstractContextManager[bool]],
        named_catalogs: Callable[[], Set[str]],
        volumes: Folder,
    ) -> None:
        self._runner = runner
        self._waiting = waiting
        self._named_catalogs = named_catalogs
        self._volumes = volumes

    def find_catalogs(self) -> set[str]:
        return self.find_created_catalogs() | self._named_catalogs()

    def find_created_catalogs(self) -> set[str]:
        """Return those that the bundle does not name; for Spark, all that it names exist."""
        found = {*self._fetch_names("SHOW CATALOGS"), *map(str.lower, self.list_folder())}
        return found - {"spark_catalog"} - self._named_catalogs()

    def has_catalog(self, name: str) -> bool:
        return name in self._named_catalogs() or name in self.find_catalogs()

    def find_schemas(self, catalog: str) -> set[str]:
        if not self.has_catalog(catalog):
            raise does_not_exist((catalog,))
        found = self._fetch_names(f"SHOW SCHEMAS IN `{catalog}`")
        return {*found, *map(str.lower, self.list_folder(catalog))}

    def require_schema(self, name: Name) -> None:
        if name[1] not in self.find_schemas(name[0]):
            raise does_not_exist(name)

    def find_tables(self, schema: Name) -> dict[str, Json]:
        """Return the type and the comment of the tables and views of a schema by name."""
        if not self.has_catalog(schema[0]):
            return {}
        rows = self._fetch(build_information_query(schema, "tables", "table_type", "comment"))
        return {
            str(name).lower(): {"table_type": kind} | ({"comment": comment} if comment else {})
            for name, kind, comment in rows
        }

    def add_columns(self, tables: list[Json]) -> None:
        """Add the columns of tables of one schema; a view that reads a dropped table has none."""
        self._add_types(tables)
        schema = name_of_object(tables[0])[:2]
        query = build_information_query(schema, "columns", "column_name", "is_nullable", "comment")
        found = {(str(row[0]).lower(), row[1]): row[2:] for row in self._fetch(query)}
        for table in tables:
            for column in table.get("columns", []):
                null, comment = found.get((table["name"], column["name"]), ("YES", None))
                column["nullable"] = null == "YES"
                column |= {"comment": comment} if comment else {}

    def list_folder(self, *parts: str) -> list[str]:
        """Return the volumes of a schema, or the schemas or catalogs that have volumes."""
        with suppress(FileNotFoundError, NotADirectoryError):
            folder = self._volumes.locate(parts)
            return [each for each in self._volumes.names(parts) if (folder / each).is_dir()]
        return []

    def run(self, text: str) -> Statement:
        """Run a statement to its end.

        :raises ApiError: it fails, or others use the tables for too long.
        """
        statement = self._runner.start(StatementRequest(text))
        with self._waiting() as may_wait:
            has_ended = statement.ended.wait(MAX_WAIT_SECONDS if may_wait else 0)
        if not has_ended:
            self._runner.cancel(statement)
            message = "Other tasks use the tables of the local workspace. Try again later."
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", message)
        if statement.state != SUCCEEDED:
            raise ApiError(400, "BAD_REQUEST", statement.error or "The workspace is stopping.")
        return statement

    def _add_types(self, tables: list[Json]) -> None:
        try:
            described = self.run(build_columns_query([*map(name_of_object, tables)])).columns
        except ApiError as error:
            if error.status != 400:
                raise
            half = len(tables) // 2
            for part in (tables[:half], tables[half:]) if half else ():
                self._add_types(part)
            return
        for table, columns in zip(tables, split_columns(described, len(tables)), strict=True):
            table["columns"] = columns

    def _fetch_names(self, query: str) -> set[str]:
        return {str(name).lower() for (name,) in self._fetch(query)}

    def _fetch(self, query: str) -> list[list[str | None]]:
        statement = self.run(query)
        chunks = range(len(statement.chunks))
        return [row for index in chunks for row in self._runner.read_rows(statement, index)]
