"""Statements that are compiled once: building one takes longer than its execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"

#: Returns an insert, of the connection's dialect, that can update existing rows.
MakeInsert: TypeAlias = Callable[[sa.Table], Insert]


class PreparedStatement:
    """A statement for every execution, compiled once for each kind of database.

    :param build: builds the statement.
    :param columns: of an insert, which take their values from the parameters.
    """

    def __init__(
        self,
        build: Callable[[MakeInsert], sa.Insert | sa.Update],
        columns: Sequence[str] | None = None,
    ) -> None:
        self._build = build
        self._columns = columns
        self._compiled: dict[str, Any] = {}

    def execute(self, connection: sa.Connection, **params: Any) -> sa.CursorResult[Any]:
        """Execute the statement with these parameters."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            insert: MakeInsert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
            compiled = self._build(insert).compile(
                dialect=dialect, column_keys=None if self._columns is None else [*self._columns]
            )
            self._compiled[dialect.name] = compiled
        values = compiled.construct_params(params)
        if compiled.positional:
            values = tuple(values[name] for name in compiled.positiontup or ())
        return connection.exec_driver_sql(compiled.string, values)
