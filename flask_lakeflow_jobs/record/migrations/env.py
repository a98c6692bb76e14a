"""Alembic runs this file. The connection comes from ``versions.py``."""

from __future__ import annotations

from alembic import context

from flask_lakeflow_jobs.record.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
