"""Prepared statements: compiled once, and executed for several threads in one transaction.

A trigger executes them. Building and executing them by SQLAlchemy takes several times as long as
the database needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from ..database.statement_failures import concerns_statement, was_disconnected
from ..errors import DatabaseUnavailable
from .group_commit import GroupCommit, Write
from .schema import actions, runs
from .values import Action, RequestedRun, RowState

if TYPE_CHECKING:
    from ..database.database import Database

Insert: TypeAlias = "postgresql.Insert | sqlite.Insert"

#: Returns an insert, of the connection's dialect, that can update existing rows.
MakeInsert: TypeAlias = Callable[[sa.Table], Insert]

#: Builds a statement from an insert and from the values of a row, by their names.
Build: TypeAlias = Callable[[MakeInsert, Mapping[str, Any]], "sa.Insert | sa.Update"]

#: The SQL of a statement, its constants by name, and the names of its parameters in order; ``None``
#: if the driver takes them by name.
Compiled: TypeAlias = tuple[str, dict[str, Any], "list[str] | None"]

#: A statement and its parameters by name. The steps of one write are executed in their order.
Step: TypeAlias = "tuple[PreparedStatement, Mapping[str, Any]]"
Steps: TypeAlias = "tuple[Step, ...]"

_REQUEST = [*(field.name for field in fields(RequestedRun)), "requested_at"]
_ACTION = [*(field.name for field in fields(Action) if field.name != "result"), "at"]


class PreparedStatement:
    """A statement that changes one row of a table.

    A statement for several rows would be one execution for all of them. But Postgres does not know
    how many there are, and would read whole tables where an index finds a row.

    :param columns: give the parameters their types, by the name of the parameter.
    """

    def __init__(self, build: Build, columns: Mapping[str, sa.Column[Any]]) -> None:
        self._build = build
        self._params = {
            name: sa.bindparam(name, type_=column.type) for name, column in columns.items()
        }
        self._compiled: dict[str, Compiled] = {}

    def bind(self, dialect: sa.Dialect, row: Mapping[str, Any]) -> tuple[str, Any]:
        """Return the SQL and its parameters as the driver takes them."""
        sql, constants, order = self._compiled.get(dialect.name) or self._compile(dialect)
        params = {**constants, **row}
        return sql, params if order is None else [params[name] for name in order]

    def _compile(self, dialect: sa.Dialect) -> Compiled:
        insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
        compiled: Any = self._build(insert, self._params).compile(dialect=dialect)
        order = compiled.positiontup if compiled.positional else None
        found = compiled.string, compiled.construct_params(_check=False), order
        self._compiled[dialect.name] = found
        return found


class PreparedWriter:
    """Executes prepared statements: those of all threads of a process in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: GroupCommit[Steps, bool] = GroupCommit(self._execute_all)

    def write(self, *steps: Step) -> bool:
        """Execute statements in a transaction, which those of other threads may share.

        The statements change nothing more when they are repeated.

        :return: True if each statement has changed a row. If one of another thread has not, this
            may be False as well.
        :raises DatabaseUnavailable: the database does not respond.
        """
        return self._group.write(steps) is True

    def _execute_all(self, writes: Sequence[Write[Steps, bool]]) -> None:
        """Execute the statements of writes; each alone if one of them is to blame for an error."""
        try:
            has_changed = self._execute([write.value for write in writes])
        except Exception as error:
            if len(writes) > 1 and concerns_statement(error):
                for write in writes:
                    self._execute_all([write])
                return
            for write in writes:
                write.error = error
        else:
            for write in writes:
                write.result = has_changed

    def _execute(self, group: Sequence[Steps]) -> bool:
        """Execute the statements of a group.

        If the connection was cut, or another process wrote the same row, execute them once more.
        """
        try:
            return self._execute_once(group)
        except DatabaseUnavailable as error:
            if not (was_disconnected(error) or isinstance(error.__cause__, IntegrityError)):
                raise
        return self._execute_once(group)

    def _execute_once(self, group: Sequence[Steps]) -> bool:
        dialect = self._database.engine.dialect
        steps = chain.from_iterable(group)
        statements = [statement.bind(dialect, row) for statement, row in steps]
        return all(count == 1 for count in self._database.execute_directly(statements))


def _build_begin_run(insert: MakeInsert, new: Mapping[str, Any]) -> sa.Insert:
    values = {name: new[name] for name in _REQUEST}
    values |= {"state": sa.literal(RowState.REQUESTED.value), "source": sa.literal("app")}
    selected = sa.select(*values.values()).where(sa.true())  # SQLite needs it before a conflict
    statement = insert(runs).from_select([*values], selected)
    # An attempt that was not started may start now. Otherwise, a token keeps its row.
    again = {name: statement.excluded[name] for name in ("state", "requested_at")}
    is_again = runs.c.state == RowState.NOT_STARTED.value
    changed = {name: sa.case((is_again, new), else_=runs.c[name]) for name, new in again.items()}
    return statement.on_conflict_do_update(index_elements=["token"], set_=changed)


def _build_add_trigger(_: MakeInsert, new: Mapping[str, Any]) -> sa.Insert:
    """Build the insert of the action. If the token has a run already, it was a replay."""
    has_run = sa.exists().where(runs.c.token == new["token"], runs.c.run_id.is_not(None))
    values = {name: new[name] for name in _ACTION}
    values["result"] = sa.case((has_run, "replayed"), else_="accepted")
    return actions.insert().from_select([*values], sa.select(*values.values()))


def _build_complete_run(_: MakeInsert, new: Mapping[str, Any]) -> sa.Update:
    """Build the update of a request's row, unless another row has the run."""
    other = runs.alias("other")
    is_same_run = (other.c.job_id == new["job_id"]) & (other.c.run_id == new["run_id"])
    is_known = sa.select(other.c.id).where(is_same_run).exists()
    is_open = (runs.c.token == new["token"]) & runs.c.run_id.is_(None)
    started = {"state": RowState.STARTED.value, "error": None, "ended_at": None}
    return runs.update().where(is_open, ~is_known).values(run_id=new["run_id"], **started)


BEGIN_RUN = PreparedStatement(_build_begin_run, {name: runs.c[name] for name in _REQUEST})

#: Precedes the completion, which gives the token its run.
ADD_TRIGGER = PreparedStatement(
    _build_add_trigger, {**{name: actions.c[name] for name in _ACTION}, "token": runs.c.token}
)
COMPLETE_RUN = PreparedStatement(
    _build_complete_run, {name: runs.c[name] for name in ("token", "job_id", "run_id")}
)
