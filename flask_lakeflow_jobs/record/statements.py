"""The statements of a trigger, compiled once: building one takes longer than its execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from .schema import actions, runs
from .values import Action, RowState, RunRequest

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


_other = runs.alias("other")


def _build_begin_run(insert: MakeInsert) -> sa.Insert:
    # An attempt that was not started may start now. The update returns the row in any case.
    state = sa.case(
        (runs.c.state == RowState.NOT_STARTED.value, RowState.REQUESTED.value), else_=runs.c.state
    )
    return (
        insert(runs)
        .values(state=RowState.REQUESTED.value, source="app")
        .on_conflict_do_update(index_elements=["token"], set_={"state": state})
        .returning(runs.c.id, runs.c.run_id)
    )


def _build_complete_run(_: MakeInsert) -> sa.Update:
    """Build the update of a request's row, unless another row has the run."""
    row, run = (sa.bindparam(name, type_=sa.BigInteger) for name in ("row", "run"))
    job_id = sa.select(runs.c.job_id).where(runs.c.id == row).scalar_subquery()
    is_same_run = (_other.c.job_id == job_id) & (_other.c.run_id == run)
    is_known = sa.select(_other.c.id).where(is_same_run).exists()
    started = {"run_id": run, "state": RowState.STARTED.value, "error": None, "ended_at": None}
    is_open = (runs.c.id == row) & runs.c.run_id.is_(None)
    return runs.update().where(is_open, ~is_known).values(started)


BEGIN_RUN = PreparedStatement(
    _build_begin_run, [*(field.name for field in fields(RunRequest)), "requested_at"]
)
COMPLETE_RUN = PreparedStatement(_build_complete_run)
INSERT_ACTION = PreparedStatement(
    lambda _: actions.insert(), [*(field.name for field in fields(Action)), "at"]
)
