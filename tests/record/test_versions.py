"""The version of the record's schema."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flask_lakeflow_jobs import RecordOutdated
from flask_lakeflow_jobs.database.database import CHOOSE_SCHEMA
from flask_lakeflow_jobs.record import versions
from flask_lakeflow_jobs.record.schema import VERSION_TABLE, metadata
from flask_lakeflow_jobs.record.store import Record, open_record
from flask_lakeflow_jobs.record.versions import MIGRATIONS, VERSIONS, check_version, upgrade_schema
from tests.clocks import FakeClock
from tests.postgres import PostgresServer
from tests.support import DEADLINE


@pytest.fixture(autouse=True)
def _own_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_migrate", inspect.unwrap(versions._migrate))


@pytest.fixture
def empty(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[Record]:
    record = open_record(database_url, tmp_path, clock)
    yield record
    record.database.close()


def set_version(record: Record, version: str) -> None:
    with record.database.write() as connection:
        table = sa.table(VERSION_TABLE, sa.column("version_num"))
        connection.execute(sa.update(table).values(version_num=version))


def test_versions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions[::-1] == list(VERSIONS)


def test_upgrade_creates_the_tables_of_the_schema(record: Record) -> None:
    with record.database.read() as connection:
        options = {"version_table": VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_upgrade_twice_changes_nothing(empty: Record) -> None:
    assert upgrade_schema(empty.database) == (None, VERSIONS[-1])
    assert upgrade_schema(empty.database) == (VERSIONS[-1], VERSIONS[-1])


OLD_RUNS = """
INSERT INTO lakeflow_runs
(job_key, job_id, run_id, state, source, identity, requested_at,
 started_at, ended_at, outcome, repairs, ends) VALUES
('etl', 1, 1, 'ended', 'app', 'app', 900, 1000, 3000, 'succeeded', 0, 1),
('etl', 1, 2, 'ended', 'app', 'app', 800, 1000, 9000, 'succeeded', 1, 2),
('etl', 1, 3, 'ended', 'app', 'app', 700, 1000, 9000, 'unknown', 0, 1),
('etl', 1, 4, 'started', 'app', 'app', 600, 1000, NULL, NULL, 0, 0)
"""


def test_upgrade_from_the_first_version_keeps_the_durations_that_are_known(empty: Record) -> None:
    with empty.database.write() as connection:
        if not empty.database.is_sqlite:
            connection.exec_driver_sql(CHOOSE_SCHEMA)
        versions._migrate(connection, "0001")
        connection.exec_driver_sql(OLD_RUNS)
    with pytest.raises(RecordOutdated, match=r"the old schema 0001\. Run 'flask jobs record"):
        empty.list_runs()
    assert upgrade_schema(empty.database) == ("0001", VERSIONS[-1])
    assert [run.duration for run in empty.list_runs()] == [2000, None, None, None]
    with empty.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_upgrade_with_nothing_to_do_needs_no_privilege_to_create(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    """Such as at each start of an app whose user may only use the tables."""
    upgrade_schema(open_record(postgres_url, tmp_path, clock).database)
    name = postgres_url.rsplit("/", 1)[1]
    role = f"reader_of_{name}"
    postgres_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    postgres_server.execute(f"GRANT SELECT ON {VERSION_TABLE} TO {role}", name)
    url = postgres_server.url(name, role, "p")
    reader = open_record(url, tmp_path, clock).database
    assert upgrade_schema(reader) == (VERSIONS[-1], VERSIONS[-1])


#: Prints whether Alembic is loaded when the right to write is asked for.
UPGRADE = """
import sys
from pathlib import Path
from flask_lakeflow_jobs.clock import SystemClock
from flask_lakeflow_jobs.database.database import Database
from flask_lakeflow_jobs.record.store import open_record
from flask_lakeflow_jobs.record.versions import upgrade_schema
write = Database.write
def print_and_write(database):
    print("alembic.command" in sys.modules)
    return write(database)
Database.write = print_and_write
upgrade_schema(open_record(True, Path(sys.argv[1]), SystemClock()).database)
"""


def test_upgrade_loads_alembic_before_it_keeps_others_from_writing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UPGRADE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True"]


def test_upgrade_by_many_at_once_succeeds(
    empty: Record, in_threads: Callable[..., list[threading.Thread]]
) -> None:
    before: list[str | None] = []
    calls = [lambda: before.append(upgrade_schema(empty.database)[0]) for _ in range(4)]
    for thread in in_threads(*calls):
        thread.join(DEADLINE)
    assert sorted(map(str, before)) == [*[VERSIONS[-1]] * 3, "None"]


def test_list_runs_without_tables_names_command(empty: Record) -> None:
    with pytest.raises(RecordOutdated, match=r"has no tables yet. Run 'flask jobs record upgrade'"):
        empty.list_runs()


def test_check_version_newer_schema_names_remedy(record: Record) -> None:
    set_version(record, "9999")
    with pytest.raises(RecordOutdated, match=r"'9999' of a newer version.*cannot go back"):
        check_version(record.database)


def test_upgrade_newer_schema_changes_nothing(record: Record) -> None:
    set_version(record, "9999")
    with pytest.raises(RecordOutdated, match="newer version"):
        upgrade_schema(record.database)
