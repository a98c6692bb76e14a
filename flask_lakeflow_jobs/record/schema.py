"""The tables of the record. All times are milliseconds since the epoch.

The migrations in ``migrations/versions`` create the same; a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from .values import MAX_ADDRESS_CHARS

metadata = sa.MetaData()

#: The table in which Alembic keeps the version of the schema.
VERSION_TABLE = "lakeflow_version"

MAX_NAME_CHARS = 255

#: SQLite counts only a column of the type INTEGER.
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _name(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(MAX_NAME_CHARS), nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


#: The runs that the app requested or found.
runs = sa.Table(
    "lakeflow_runs",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    _name("job_key"),
    sa.Column("job_id", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.BigInteger),  # null until the workspace has responded
    sa.Column("state", sa.String(16), nullable=False),  # a RowState
    sa.Column("source", sa.String(8), nullable=False),  # app | found
    sa.Column("token", sa.String(64), unique=True),  # the idempotency token
    sa.Column("fingerprint", sa.String(64)),
    _name("requested_by", nullable=True),
    sa.Column("identity", sa.String(64), nullable=False),  # Identity.key
    sa.Column("params", sa.Text),  # redacted, as JSON; after a repair those of the repair
    _time("requested_at", nullable=False),
    _time("started_at"),
    _time("ended_at"),
    sa.Column("outcome", sa.String(32)),  # null until the end
    sa.Column("error", sa.Text),  # one line
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("repairs", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_repair_id", sa.BigInteger),  # of those through the app
    sa.Column("ends", sa.Integer, nullable=False, server_default="0"),
    sa.Column("page_url", sa.Text),
    sa.Column("duration", sa.BigInteger),  # milliseconds; null if not known
    sa.UniqueConstraint("job_id", "run_id", name="lakeflow_runs_run"),
)

#: What people and commands did, or were refused.
actions = sa.Table(
    "lakeflow_actions",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    _time("at", nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("result", sa.String(16), nullable=False),
    _name("job_key"),
    sa.Column("job_id", sa.BigInteger, nullable=False),
    sa.Column("run_id", sa.BigInteger),
    _name("requested_by", nullable=True),
    sa.Column("identity", sa.String(64), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("address", sa.String(MAX_ADDRESS_CHARS)),
    sa.Column("detail", sa.Text),  # one line
)

#: What is to be delivered: one row per end and receiver.
deliveries = sa.Table(
    "lakeflow_deliveries",
    metadata,
    sa.Column("delivery_id", sa.String(36), primary_key=True),
    sa.Column(
        "run", sa.ForeignKey("lakeflow_runs.id", ondelete="CASCADE"), type_=_Id, nullable=False
    ),
    sa.Column("end_number", sa.Integer, nullable=False),
    _name("signal"),
    _name("receiver"),
    sa.Column("payload", sa.Text),  # the keyword arguments as JSON, redacted; null once delivered
    _time("created_at", nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    _time("next_attempt_at", nullable=False),
    _name("claimed_by", nullable=True),
    _time("claimed_until"),
    _time("delivered_at"),
    _time("failed_at"),
    sa.Column("last_error", sa.Text),  # one line
    sa.UniqueConstraint("run", "end_number", "signal", "receiver", name="lakeflow_deliveries_end"),
)

#: The right to do something in one process at a time.
leases = sa.Table(
    "lakeflow_leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    _name("holder"),
    _time("expires_at", nullable=False),
)

#: Runs are listed newest first, by any combination of job, outcome and requester.
for _suffix, _filters in {
    "all": (),
    "job": ("job_key",),
    "outcome": ("outcome",),
    "by": ("requested_by",),
    "job_outcome": ("job_key", "outcome"),
    "job_by": ("job_key", "requested_by"),
    "outcome_by": ("outcome", "requested_by"),
    "job_outcome_by": ("job_key", "outcome", "requested_by"),
}.items():
    _columns = [*(runs.c[name] for name in _filters), runs.c.requested_at, runs.c.id]
    # A trigger writes no index of outcomes: its run has none yet.
    _where = runs.c.outcome.is_not(None) if "outcome" in _filters else None
    sa.Index(f"lakeflow_runs_{_suffix}", *_columns, sqlite_where=_where, postgresql_where=_where)
sa.Index("lakeflow_runs_state", runs.c.state, runs.c.requested_at, runs.c.id)

for _suffix, _filters in {
    "all": (),
    "job": ("job_key",),
    "by": ("requested_by",),
    "run": ("job_id", "run_id"),
}.items():
    _columns = [actions.c[name] for name in _filters]
    sa.Index(f"lakeflow_actions_{_suffix}", *_columns, actions.c.at, actions.c.id)

IS_UNDELIVERED = deliveries.c.delivered_at.is_(None)
sa.Index(
    "lakeflow_deliveries_due",
    deliveries.c.next_attempt_at,
    sqlite_where=IS_UNDELIVERED,
    postgresql_where=IS_UNDELIVERED,
)
