"""The cache in an SQL database, on SQLite and on a real Postgres."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_caching import Cache

from flask_lakeflow_jobs import ConfigurationError, DatabaseUnavailable, LakeflowJobs
from flask_lakeflow_jobs.cache import create_backend
from flask_lakeflow_jobs.cache.availability import COOLDOWN_SECONDS
from flask_lakeflow_jobs.cache.shared_cache import ENTRY_VERSION, KEY_PREFIX, SharedCache
from flask_lakeflow_jobs.database.database import MIN_CONNECT_SECONDS, open_database
from flask_lakeflow_jobs.sql_cache import (
    CACHE_SQL_URL,
    MAX_KEY_CHARS,
    PURGE_ROWS,
    PURGE_SECONDS,
    TABLE,
    TIMEOUT_SECONDS,
    SqlCache,
)
from tests.clocks import FakeClock
from tests.postgres import PostgresServer
from tests.support import DEADLINE

PATH = "flask_lakeflow_jobs.sql_cache.SqlCache"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cache.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))


def connect(url: str, **options: Any) -> SqlCache:
    """Return the cache of a process of its own."""
    database = open_database(
        url, instance_path=Path("/"), setting=CACHE_SQL_URL, timeout=1.0, autocommit=True
    )
    return SqlCache(type(database)(database._url, timeout=1.0, autocommit=True), **options)


def share(url: str, **options: Any) -> SharedCache:
    """Return a shared cache whose clock stands still, as slow accesses would suspend it."""
    config = {"CACHE_TYPE": PATH, CACHE_SQL_URL: url, **options}
    return SharedCache(create_backend(Flask(__name__), config, None), FakeClock())


def execute(url: str, statement: str) -> list[Any]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def expire(url: str) -> None:
    execute(url, f"UPDATE {TABLE} SET expires_at = 1")  # noqa: S608


def test_sql_cache_returns_stored_values_to_every_process(url: str) -> None:
    one, other = connect(url), connect(url)
    values: list[Any] = [{"a": [1, None, "ü\u2028\u0000"]}, [], "", 0, False, "5", 1.5]
    for value in values:
        assert one.get("key") is None
        one.set("key", value)
        assert other.get("key") == value, value
        other.delete("key")
    assert one.get("key") is None


def test_sql_cache_reads_and_writes_many_keys_in_order(url: str) -> None:
    cache = connect(url)
    cache.set_many({"b": [2], "a": 1})
    assert cache.get_many("b", "missing", "a", "b") == [[2], None, 1, [2]]
    cache.delete_many("a", "b", "missing")
    assert cache.get_many("a", "b") == [None, None]
    assert cache.get_many() == []


def test_sql_cache_uses_one_statement_per_operation(url: str) -> None:
    cache = connect(url)
    cache.get("key")  # creates the table
    statements: list[str] = []
    engine = cache._database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    cache.set_many({f"key-{number}": number for number in range(100)}, 60)
    cache.get_many(*[f"key-{number}" for number in range(100)])
    cache.add("other", 1, 60)
    cache.delete_many(*[f"key-{number}" for number in range(100)])
    assert [statement.split()[0] for statement in statements] == [
        "INSERT", "SELECT", "INSERT", "DELETE",
    ]  # fmt: skip


def test_sql_cache_add_succeeds_once(url: str) -> None:
    one, other = connect(url), connect(url)
    assert [one.add("key", 1), other.add("key", 2)] == [True, False]
    assert other.get("key") == 1


def test_concurrent_adds_of_processes_succeed_once(url: str) -> None:
    caches = [connect(url) for _ in range(6)]
    with ThreadPoolExecutor(len(caches)) as pool:
        for number in range(20):
            added = pool.map(lambda cache: cache.add(f"lease-{number}", 1), caches)  # noqa: B023
            assert sum(added) == 1


def test_sql_cache_add_replaces_an_entry_that_has_expired(url: str) -> None:
    cache = connect(url)
    cache.add("lease", "first", 60)
    assert cache.get("lease") == "first"
    expire(url)
    assert cache.get("lease") is None
    assert not cache.has("lease")
    assert cache.add("lease", "second", 60)
    assert not cache.add("lease", "third", 60)
    assert cache.get("lease") == "second"


def test_sql_cache_timeout_is_by_the_clock_of_the_database(url: str) -> None:
    connect(url).set("key", 1, 60)
    now = (
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
        if url.startswith("sqlite")
        else "extract(epoch FROM now()) * 1000"
    )
    [(seconds,)] = execute(url, f"SELECT (expires_at - {now}) / 1000 FROM {TABLE}")  # noqa: S608
    assert 0 < seconds <= 60


def test_sql_cache_timeout_zero_never_expires(url: str) -> None:
    cache = connect(url)
    cache.set("key", 1, 0)
    [(expires_at,)] = execute(url, f"SELECT expires_at FROM {TABLE}")  # noqa: S608
    assert expires_at > 10**15
    assert cache.get("key") == 1


def test_sql_cache_removes_expired_entries_once_a_minute(url: str) -> None:
    clock = FakeClock()
    cache = connect(url, clock=clock)
    cache.set_many({"a": 1, "b": 2}, 60)
    expire(url)
    cache.set("c", 3, 60)
    count = f"SELECT count(*) FROM {TABLE}"  # noqa: S608
    assert execute(url, count) == [(3,)]
    clock.sleep(PURGE_SECONDS)
    cache.set("d", 4, 60)
    assert execute(url, count) == [(2,)]
    assert cache.get_many("c", "d") == [3, 4]


def test_sql_cache_removes_all_expired_entries_however_many_there_are(url: str) -> None:
    clock = FakeClock()
    cache = connect(url, clock=clock)
    cache.set_many({str(number): number for number in range(3 * PURGE_ROWS)}, 60)
    expire(url)
    clock.sleep(PURGE_SECONDS)
    for _ in range(3):
        cache.set("kept", 1, 60)
    assert execute(url, f"SELECT key FROM {TABLE}") == [("kept",)]  # noqa: S608


def test_sql_cache_long_key_is_stored_as_a_hash(url: str) -> None:
    cache = connect(url)
    one, other = ("x" * MAX_KEY_CHARS + end for end in "ab")
    cache.set_many({one: 1, other: 2})
    assert cache.get_many(one, other) == [1, 2]
    names = execute(url, f"SELECT key FROM {TABLE}")  # noqa: S608
    assert all(len(name) <= MAX_KEY_CHARS for (name,) in names)


def test_sql_cache_clear_leaves_entries_with_another_prefix(url: str) -> None:
    one, other = connect(url, key_prefix="one_"), connect(url, key_prefix="other")
    one.set("key", 1)
    other.set("key", 2)
    assert [one.get("key"), other.get("key")] == [1, 2]
    one.clear()
    assert [one.get("key"), other.get("key")] == [None, 2]


def test_sql_cache_creates_its_table_again_after_it_was_dropped(url: str) -> None:
    shared = share(url)
    shared.set("key", 1, 60)
    execute(url, f"DROP TABLE {TABLE}")
    assert shared.get("key") is None
    shared.set("key", 2, 60)
    assert shared.get("key") == 2


def test_processes_that_start_at_once_create_the_table(url: str) -> None:
    caches = [connect(url) for _ in range(8)]
    with ThreadPoolExecutor(len(caches)) as pool:
        assert [*pool.map(lambda cache: cache.set("key", 1), caches)] == [True] * 8


def test_sql_cache_writes_of_processes_never_deadlock(
    url: str, in_threads: Callable[..., list[threading.Thread]]
) -> None:
    """Postgres would notice a deadlock after a second, and fail one of the two."""
    names = [f"key-{number}" for number in range(20)]

    def write(order: list[str]) -> None:
        cache = connect(url)
        for number in range(25):
            cache.set_many(dict.fromkeys(order, number))
            cache.delete_many(*order[::2])

    failures: list[Exception] = []

    def try_to(order: list[str]) -> None:
        try:
            write(order)
        except Exception as error:
            failures.append(error)

    for thread in in_threads(
        *[lambda order=order: try_to(order) for order in (names, names[::-1])]
    ):
        thread.join()
    assert failures == []


def test_shared_cache_on_sql_stores_json_with_a_version(url: str) -> None:
    shared = share(url, CACHE_KEY_PREFIX="app:")
    shared.set("key", {"a": 1}, 60)
    [(key, value)] = execute(url, f"SELECT key, value FROM {TABLE}")  # noqa: S608
    assert key == f"app:{KEY_PREFIX}key"
    entry = json.loads(value)
    assert (entry["version"], entry["value"]) == (ENTRY_VERSION, {"a": 1})
    assert shared.is_cross_process


def test_shared_cache_on_sql_ignores_what_others_wrote(url: str) -> None:
    shared = share(url)
    shared.set("key", 1, 60)
    execute(url, f"UPDATE {TABLE} SET value = 'gASVCgAAAAAAAAA='")  # noqa: S608
    assert shared.get("key") is None
    assert connect(url, key_prefix="flask_cache_").get(f"{KEY_PREFIX}key") is None


def test_host_cache_on_sql_stores_json_and_refuses_objects(url: str) -> None:
    app = Flask(__name__)
    host = Cache(app, config={"CACHE_TYPE": PATH, CACHE_SQL_URL: url})
    with app.app_context():
        host.set("own", {"a": [1]})
        assert host.get("own") == {"a": [1]}
        with pytest.raises(TypeError):
            host.set("own", {1, 2})


def test_sql_cache_uses_the_record_database_by_default(url: str, tmp_path: Path) -> None:
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config["LAKEFLOW_JOBS_RECORD_URL"] = url
    SharedCache(create_backend(app, {"CACHE_TYPE": PATH}, None)).set("key", 1, 60)
    assert execute(url, f"SELECT count(*) FROM {TABLE}") == [(1,)]  # noqa: S608


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, r"^SqlCache requires a database\. Set CACHE_SQL_URL in LAKEFLOW_JOBS_CACHE"),
        ({CACHE_SQL_URL: "mysql://me:secret@host/name"}, r"^CACHE_SQL_URL must be true or the URL"),
        ({CACHE_SQL_URL: "secret"}, r"^CACHE_SQL_URL must be true or the URL"),
    ],
)
def test_sql_cache_config_that_is_invalid_names_its_key(
    config: dict[str, Any], message: str
) -> None:
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = {"CACHE_TYPE": PATH, **config}
    with pytest.raises(ConfigurationError, match=message) as raised:
        LakeflowJobs(app)
    assert "secret" not in str(raised.value)


def test_sql_cache_without_sqlalchemy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flask_lakeflow_jobs.sql_cache")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = {"CACHE_TYPE": PATH, CACHE_SQL_URL: "sqlite:///a"}
    with pytest.raises(ConfigurationError, match=r"pip install 'flask-lakeflow-jobs\[record\]'"):
        LakeflowJobs(app)


def test_sql_cache_of_user_without_rights_in_public_gets_a_schema(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """As for the service principal of an app on Lakebase."""
    name = postgres_url.rsplit("/", 1)[1]
    role = f"principal-of-{name}"
    postgres_server.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'p'")
    postgres_server.execute(f'GRANT CONNECT, CREATE ON DATABASE {name} TO "{role}"')
    url = postgres_server.url(name, role, "p")
    cache = connect(url)
    cache.set("key", 1)
    assert connect(url).get("key") == 1
    tables = f"SELECT schemaname FROM pg_tables WHERE tablename = '{TABLE}'"  # noqa: S608
    assert execute(postgres_url, tables) == [(role,)]


class TestOnPostgres:
    @pytest.fixture
    def database(self, postgres_url: str) -> str:
        return postgres_url.rsplit("/", 1)[1]

    def test_cut_connections_cost_nothing(
        self,
        postgres_server: PostgresServer,
        postgres_url: str,
        database: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        shared = share(postgres_url)
        for number in range(5):
            shared.set("key", number, 60)
            assert postgres_server.cut_connections(database) >= 1
            assert shared.get("key") == number
            postgres_server.cut_connections(database)
            assert shared.add(f"lease-{number}", 1, 60)
        assert not caplog.records

    def test_restarted_server_costs_nothing_after_it_is_back(
        self, postgres_server: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        shared = share(postgres_url)
        shared.set("key", 1, 60)
        postgres_server.restart()
        assert shared.get("key") == 1
        postgres_server.kill()
        postgres_server.start()
        assert shared.get("key") is None, "a crash empties the table"
        shared.set("key", 2, 60)
        assert shared.get("key") == 2
        assert not caplog.records

    def test_dead_server_costs_entries_and_one_warning(
        self, postgres_server: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = FakeClock()
        shared = SharedCache(connect(postgres_url), clock)
        shared.set("key", 1, 60)
        postgres_server.stop()
        for _ in range(3):
            assert shared.get("key") is None
            assert shared.add("lease", 1, 60), "each process works by itself"
            shared.set("key", 1, 60)
        assert len(caplog.records) == 1
        assert "app:***@" in caplog.text
        postgres_server.start()
        clock.sleep(COOLDOWN_SECONDS)
        shared.set("key", 2, 60)
        assert shared.get("key") == 2
        assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2

    def test_paused_server_fails_within_the_timeout_and_works_again(
        self, postgres_server: PostgresServer, postgres_url: str
    ) -> None:
        cache = connect(postgres_url)
        cache.set("key", 1, 60)
        postgres_server.pause()
        for timeout in (TIMEOUT_SECONDS, MIN_CONNECT_SECONDS):  # of a statement, of a connection
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                cache.get("key")
            assert timeout - 0.1 <= time.monotonic() - began < DEADLINE
        postgres_server.resume()
        assert cache.get("key") == 1

    def test_sql_cache_repr_and_errors_hide_the_password(
        self, postgres_server: PostgresServer, postgres_url: str, database: str
    ) -> None:
        url = postgres_server.url(database, "nobody", "very-secret")
        with pytest.raises(DatabaseUnavailable) as raised:
            connect(url).get("key")
        error: BaseException | None = raised.value
        assert "nobody:***@" in str(error)
        while error is not None:
            assert "very-secret" not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__
