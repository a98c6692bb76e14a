"""Create the record: runs, actions, deliveries and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_runs()
    _create_actions()
    _create_deliveries()
    op.create_table(
        "lakeflow_leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )


def _create_runs() -> None:
    op.create_table(
        "lakeflow_runs",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("job_key", sa.String(255), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.BigInteger),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("token", sa.String(64), unique=True),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("requested_by", sa.String(255)),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("params", sa.Text),
        sa.Column("requested_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.String(32)),
        sa.Column("error", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("repairs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_repair_id", sa.BigInteger),
        sa.Column("ends", sa.Integer, nullable=False, server_default="0"),
        sa.Column("page_url", sa.Text),
        sa.UniqueConstraint("job_id", "run_id", name="lakeflow_runs_run"),
    )
    for suffix, filters in {
        "all": [],
        "job": ["job_key"],
        "outcome": ["outcome"],
        "by": ["requested_by"],
        "job_outcome": ["job_key", "outcome"],
        "job_by": ["job_key", "requested_by"],
        "outcome_by": ["outcome", "requested_by"],
        "job_outcome_by": ["job_key", "outcome", "requested_by"],
        "state": ["state"],
    }.items():
        where = sa.text("outcome IS NOT NULL") if "outcome" in filters else None
        op.create_index(
            f"lakeflow_runs_{suffix}",
            "lakeflow_runs",
            [*filters, "requested_at", "id"],
            sqlite_where=where,
            postgresql_where=where,
        )


def _create_actions() -> None:
    op.create_table(
        "lakeflow_actions",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("job_key", sa.String(255), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.BigInteger),
        sa.Column("requested_by", sa.String(255)),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("address", sa.String(64)),
        sa.Column("detail", sa.Text),
    )
    for suffix, filters in {
        "all": [],
        "job": ["job_key"],
        "by": ["requested_by"],
        "run": ["job_id", "run_id"],
    }.items():
        op.create_index(f"lakeflow_actions_{suffix}", "lakeflow_actions", [*filters, "at", "id"])


def _create_deliveries() -> None:
    op.create_table(
        "lakeflow_deliveries",
        sa.Column("delivery_id", sa.String(36), primary_key=True),
        sa.Column(
            "run", ROW_ID, sa.ForeignKey("lakeflow_runs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("end_number", sa.Integer, nullable=False),
        sa.Column("signal", sa.String(255), nullable=False),
        sa.Column("receiver", sa.String(255), nullable=False),
        sa.Column("payload", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.BigInteger, nullable=False),
        sa.Column("claimed_by", sa.String(255)),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("failed_at", sa.BigInteger),
        sa.Column("last_error", sa.Text),
        sa.UniqueConstraint(
            "run", "end_number", "signal", "receiver", name="lakeflow_deliveries_end"
        ),
    )
    is_undelivered = sa.text("delivered_at IS NULL")
    op.create_index(
        "lakeflow_deliveries_due",
        "lakeflow_deliveries",
        ["next_attempt_at"],
        sqlite_where=is_undelivered,
        postgresql_where=is_undelivered,
    )
