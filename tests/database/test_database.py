"""Connections to a database of SQLite: what closes them, and a damaged file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.database.database import Database, open_database
from flask_lakeflow_jobs.database.statement_failures import is_slow_statement
from flask_lakeflow_jobs.database.urls import DEFAULT_FILE
from tests.postgres import PostgresServer
from tests.support import run_python


class Closing:
    """A parameter that closes the database while a statement uses it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __conform__(self, protocol: object) -> int:
        self.database.close()
        return 1


def test_close_while_a_connection_is_in_use_closes_it_afterwards(tmp_path: Path) -> None:
    database = open_database(True, instance_path=tmp_path, setting="X_URL")
    closed: list[object] = []
    event.listen(database.engine, "close", lambda connection, _: closed.append(connection))
    with database.read() as connection:
        used = connection.connection.driver_connection
        assert database.execute_directly([("SELECT ?", [Closing(database)])]) == [-1]
        assert len(closed) == 1
    assert len(closed) == 2
    assert used in closed


def test_address_shows_no_password_of_the_query() -> None:
    url = sa.make_url("postgresql://app@/jobs?host=/run/db&password=s3cret&sslpassword=s3cret")
    database = Database(url, timeout=1, autocommit=False)
    assert database.address == "postgresql://app@/jobs?host=%2Frun%2Fdb"


def test_second_database_of_a_file_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Without these, another process that disconnects removes the log that this one writes to."""
    first, second = (
        open_database(True, instance_path=tmp_path, setting="X_URL", timeout=seconds)
        for seconds in (1, 2)
    )
    with first.write() as connection:
        connection.execute(sa.text("CREATE TABLE names (name TEXT)"))
    with second.write() as connection:
        connection.execute(sa.text("INSERT INTO names VALUES ('ann')"))
    file = tmp_path / DEFAULT_FILE
    run_python(
        f"import sqlite3; connection = sqlite3.connect({str(file)!r})\n"
        "connection.execute('PRAGMA schema_version'); connection.close()"
    )
    assert file.with_name(f"{DEFAULT_FILE}-wal").exists()


@pytest.mark.parametrize("suffixes", [[""], ["", "-wal", "-shm"]])
def test_file_that_was_deleted_is_created_again(suffixes: list[str], tmp_path: Path) -> None:
    """Writes to the deleted one would be lost."""
    database = open_database(True, instance_path=tmp_path, setting="X_URL")
    database.execute_directly([("CREATE TABLE names (name TEXT)", [])])
    for suffix in suffixes:
        (tmp_path / f"{DEFAULT_FILE}{suffix}").unlink()
    with pytest.raises(DatabaseUnavailable, match="refuses a statement: no such table: names"):
        database.execute_directly([("INSERT INTO names VALUES ('ann')", [])])
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE names (name TEXT)")
    database.close()
    with closing(sqlite3.connect(tmp_path / DEFAULT_FILE)) as file:
        assert file.execute("SELECT count(*) FROM names").fetchone() == (0,)


def _read(database: Database) -> None:
    with database.read() as connection:
        connection.execute(sa.text("SELECT 1"))


def _write(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("SELECT 1"))


def _execute_directly(database: Database) -> None:
    database.execute_directly([("SELECT 1", [])])


@pytest.mark.parametrize("use", [_read, _write, _execute_directly])
def test_damaged_file_is_named_with_its_remedy(
    use: Callable[[Database], None], tmp_path: Path
) -> None:
    (tmp_path / "record.sqlite3").write_bytes(b"\0garbage" * 1024)
    database = open_database("sqlite:///record.sqlite3", instance_path=tmp_path, setting="X_URL")
    with pytest.raises(DatabaseUnavailable, match=r"damaged: .* '-wal' .* a copy") as caught:
        use(database)
    assert "flask jobs record upgrade" in caught.value.detail


@pytest.mark.parametrize("use", [_read, _write, _execute_directly])
def test_file_that_cannot_be_opened_is_named_with_its_remedy(
    use: Callable[[Database], None], tmp_path: Path
) -> None:
    (tmp_path / "record.sqlite3").mkdir()
    database = open_database("sqlite:///record.sqlite3", instance_path=tmp_path, setting="X_URL")
    with pytest.raises(DatabaseUnavailable, match=r"record\.sqlite3 cannot be used: .* has space"):
        use(database)


def test_write_locks_the_file_at_its_beginning_and_a_read_does_not(tmp_path: Path) -> None:
    """A write that reads first could not wait for another one."""
    database = open_database(True, instance_path=tmp_path, setting="X_URL")
    _write(database)
    with closing(sqlite3.connect(tmp_path / DEFAULT_FILE, timeout=0)) as other:
        with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        with database.read():
            other.execute("BEGIN IMMEDIATE")


def test_locked_file_does_not_respond_and_a_call_is_not_repeated(tmp_path: Path) -> None:
    database = open_database(True, instance_path=tmp_path, setting="X_URL", timeout=0.1)
    _write(database)
    calls: list[object] = []
    with closing(sqlite3.connect(tmp_path / DEFAULT_FILE)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match=r"does not respond: .*locked$"):
            database.run(calls.append)
    assert calls == []

    def read(connection: sa.Connection) -> None:
        calls.append(connection)
        connection.exec_driver_sql("SELECT * FROM gone")

    with pytest.raises(DatabaseUnavailable, match="no such table"):
        database.run(read)
    assert len(calls) == 1


@pytest.mark.parametrize("use", [_write, _execute_directly])
def test_write_waits_for_other_threads_no_longer_than_for_other_processes(
    use: Callable[[Database], None], tmp_path: Path
) -> None:
    """Each of them may wait for a process that keeps the file locked, one after the other."""
    database = open_database(True, instance_path=tmp_path, setting="X_URL", timeout=0)
    with database.write(), pytest.raises(DatabaseUnavailable, match=r"locked$") as caught:
        use(database)
    assert is_slow_statement(caught.value)
    use(database)


def test_read_only_server_refuses_statements(postgres_url: str, tmp_path: Path) -> None:
    url = f"{postgres_url}?options=-c%20default_transaction_read_only%3Don"
    database = open_database(url, instance_path=tmp_path, setting="X_URL")
    with pytest.raises(DatabaseUnavailable) as caught, database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE refused (a INT)")
    assert "refuses a statement: cannot execute CREATE TABLE in a read-only" in caught.value.detail
    database.close()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_write_succeeds_although_another_changed_the_row_at_any_default_isolation(
    level: str, postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    database = open_database(postgres_url, instance_path=tmp_path, setting="X_URL")
    update = "UPDATE counts SET number = number + 1"
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE counts AS SELECT 0 AS number")
    with database.write() as connection:
        connection.exec_driver_sql("SELECT * FROM counts")
        database.run(lambda other: other.exec_driver_sql(update))
        connection.exec_driver_sql(update)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT number FROM counts").scalar() == 2
    database.close()


def test_write_after_a_failover_leaves_a_server_that_became_read_only(
    postgres_url: str, tmp_path: Path
) -> None:
    """A name or a proxy leads to another server then, but open connections to the old one stay."""
    database = open_database(postgres_url, instance_path=tmp_path, setting="X_URL")
    become_read_only = "SET default_transaction_read_only = on"  # on this connection alone
    create = "CREATE TABLE IF NOT EXISTS names (name TEXT)"
    with database.write() as connection:
        connection.exec_driver_sql(become_read_only)
    database.run(lambda connection: connection.exec_driver_sql(create))

    database.execute_directly([(become_read_only, None)])
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        database.execute_directly([(create, None)])
    database.execute_directly([(create, None)])
    database.close()


def test_statement_that_takes_too_long_costs_no_other_connection(
    postgres_url: str, tmp_path: Path
) -> None:
    """To a server that hangs, it would take as long again."""
    database = open_database(postgres_url, instance_path=tmp_path, setting="X_URL")
    opened: list[Any] = []
    event.listen(database.engine, "connect", lambda connection, _: opened.append(connection))
    with database.read():
        (connection,) = opened
        connection.timeout = 0
    with pytest.raises(DatabaseUnavailable, match="in time"):
        database.run(lambda connection: connection.exec_driver_sql("SELECT pg_sleep(60)"))
    assert len(opened) == 1
    database.close()


@pytest.mark.parametrize("is_pooled", [False, True])
def test_statements_are_prepared_only_without_a_pooler(
    is_pooled: bool, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg  # only some environments have it

    if is_pooled:  # gives its clients numbers of processes of its own
        monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", -1)
    database = open_database(postgres_url, instance_path=tmp_path, setting="X_URL")
    with database.read() as connection:
        for _ in range(10):
            connection.exec_driver_sql("SELECT 1")
        prepared = connection.exec_driver_sql("SELECT * FROM pg_prepared_statements").all()
    assert bool(prepared) is not is_pooled
    database.close()


def test_texts_do_not_depend_on_the_encoding_of_the_server(
    postgres_url: str, tmp_path: Path
) -> None:
    url = f"{postgres_url}?options=-c%20client_encoding%3Dlatin1"
    database = open_database(url, instance_path=tmp_path, setting="X_URL")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT %s::text", ("名前",)).scalar() == "名前"
    database.close()
