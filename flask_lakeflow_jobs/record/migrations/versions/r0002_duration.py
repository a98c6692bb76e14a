"""Add the duration of ended runs.

It cannot be found later for a run that was repaired, as the time before the repair does not count.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("lakeflow_runs", sa.Column("duration", sa.BigInteger))
    op.execute(
        "UPDATE lakeflow_runs SET duration = ended_at - started_at"
        " WHERE state = 'ended' AND outcome <> 'unknown' AND ended_at >= started_at"
        " AND repairs = 0 AND ends = 1"
    )
