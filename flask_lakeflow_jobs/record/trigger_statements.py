"""The statements of a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from .prepared import MakeInsert, PreparedStatement
from .schema import actions, runs
from .values import Action, RowState, RunRequest

_REQUEST = [*(field.name for field in fields(RunRequest)), "requested_at"]
_ACTION = [*(field.name for field in fields(Action) if field.name != "result"), "at"]


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
