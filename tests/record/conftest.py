"""Records in SQLite and, where it is installed, in Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_lakeflow_jobs.record.store import Record, open_record
from flask_lakeflow_jobs.record.versions import upgrade_schema
from tests.clocks import FakeClock


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/record.sqlite3"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def record(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[Record]:
    """A record without rows."""
    record = open_record(database_url, tmp_path, clock)
    upgrade_schema(record.database)
    yield record
    record.database.close()
