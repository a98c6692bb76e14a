"""The version of the record's schema."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flask_lakeflow_jobs import DatabaseUnavailable, RecordOutdated
from flask_lakeflow_jobs.database.database import CHOOSE_SCHEMA, open_database
from flask_lakeflow_jobs.record import versions
from flask_lakeflow_jobs.record.schema import VERSION_TABLE, metadata
from flask_lakeflow_jobs.record.store import Record, open_record
from flask_lakeflow_jobs.record.versions import MIGRATIONS, VERSIONS, upgrade_schema
from tests.clocks import FakeClock
from tests.postgres import PostgresServer
from tests.record.rows import set_version
from tests.support import DEADLINE


@pytest.fixture(autouse=True)
def _own_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_migrate", inspect.unwrap(versions._migrate))


@pytest.fixture
def empty(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[Record]:
    record = open_record(database_url, tmp_path, clock)
    yield record
    record.database.close()


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


def test_migrations_only_add_what_older_versions_need_not_know(empty: Record) -> None:
    before: dict[str, dict[str, sa.Column[Any]]] = {}
    for version in VERSIONS:
        with empty.database.write() as connection:
            if not empty.database.is_sqlite:
                connection.exec_driver_sql(CHOOSE_SCHEMA)
            versions._migrate(connection, version)
            reflected = sa.MetaData()
            reflected.reflect(connection)
        after = {name: dict(table.columns) for name, table in reflected.tables.items()}
        for name, columns in before.items():
            for column, old in columns.items():
                new = after[name].pop(column)
                assert (repr(new.type), new.nullable) == (repr(old.type), old.nullable)
            assert all(new.nullable or new.server_default for new in after[name].values())
        before = {name: dict(table.columns) for name, table in reflected.tables.items()}


def test_app_uses_the_tables_of_a_newer_version(
    record: Record, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    """Such as a worker whose first request comes after the upgrade."""
    set_version(record, "9999")
    older = open_record(database_url, tmp_path, clock)
    older.add_found_run("etl", 1, 7, started_at=1)
    assert older.get_run(1, 7) is not None
    older.database.close()


def test_refusal_by_the_tables_of_a_newer_version_names_remedy(record: Record) -> None:
    set_version(record, "9999")
    with record.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE lakeflow_runs DROP COLUMN duration")
    with pytest.raises(RecordOutdated, match=r"'9999' of a newer version.*cannot go back"):
        record.get_run(1, 7)


def test_upgrade_of_a_newer_schema_changes_nothing_and_names_remedy(record: Record) -> None:
    set_version(record, "9999")
    with pytest.raises(RecordOutdated, match=r"newer version.*Install that version"):
        upgrade_schema(record.database)


def test_upgrade_may_take_longer_than_other_statements(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of many runs. But it does not let others wait for a table that is in use."""
    database = open_database(postgres_url, instance_path=tmp_path, setting="URL", timeout=0.0)
    seen: list[object] = []

    def migrate(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SELECT pg_sleep(0.2)")  # a driver checks ten times a second
        seen.append(connection.exec_driver_sql("SHOW lock_timeout").scalar())

    monkeypatch.setattr(versions, "_migrate", migrate)
    upgrade_schema(database)
    assert seen == ["5s"]
    with pytest.raises(DatabaseUnavailable, match="did not respond in time"), database.read() as it:
        it.exec_driver_sql("SELECT pg_sleep(60)")
    database.close()
