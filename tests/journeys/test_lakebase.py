"""An app on Lakebase: passwords that expire, and a workspace that creates them."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from flask import Flask

from flask_lakeflow_jobs.record.versions import upgrade_schema
from flask_lakeflow_jobs.sql_cache import SqlCache
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.conftest import MakeApp
from tests.lakebase import INSTANCE_PATH, PasswordEndpoint
from tests.postgres import PostgresServer

SQL_CACHE = {"CACHE_TYPE": "flask_lakeflow_jobs.sql_cache.SqlCache"}


class Lakebase(NamedTuple):
    """A database whose only password is the last that the workspace created."""

    server: PostgresServer
    name: str
    role: str
    endpoint: PasswordEndpoint

    def expire(self) -> None:
        """Let the last password expire, and end all connections."""
        self.server.execute(f"ALTER ROLE \"{self.role}\" PASSWORD 'expired'")
        self.server.cut_connections(self.name)


@pytest.fixture
def lakebase(
    postgres_server: PostgresServer, postgres_url: str, fault_proxy: FaultyWorkspace
) -> Lakebase:
    name = postgres_url.rsplit("/", 1)[1]
    role = f"principal-of-{name}"
    postgres_server.execute(f'CREATE ROLE "{role}" LOGIN')
    postgres_server.execute(f'GRANT CONNECT, CREATE ON DATABASE {name} TO "{role}"')
    endpoint = PasswordEndpoint(
        lambda password: postgres_server.execute(f"ALTER ROLE \"{role}\" PASSWORD '{password}'")
    )
    fault_proxy.fail(endpoint, path=INSTANCE_PATH)
    return Lakebase(postgres_server, name, role, endpoint)


@pytest.fixture
def app(make_app: MakeApp, lakebase: Lakebase, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An app with the settings of an app on Databricks Apps, where the platform sets PG…."""
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(lakebase.server.port))
    monkeypatch.setenv("PGDATABASE", lakebase.name)
    monkeypatch.setenv("PGUSER", lakebase.role)
    return make_app(
        LAKEFLOW_JOBS_RECORD_URL="postgresql+psycopg://",
        LAKEFLOW_JOBS_LAKEBASE="orders",
        LAKEFLOW_JOBS_CACHE=SQL_CACHE,
    )


def cache_of(app: Flask) -> SqlCache:
    """Return the backend, which raises its errors."""
    [backend] = app.extensions["cache"].values()
    assert isinstance(backend, SqlCache)
    return backend


def test_app_start_creates_no_password(app: Flask, lakebase: Lakebase) -> None:
    assert app.extensions["lakeflow_jobs"].settings.lakebase == "orders"
    assert lakebase.endpoint.created == []


def test_each_new_connection_gets_a_new_password(app: Flask, lakebase: Lakebase) -> None:
    cache = cache_of(app)
    for number in range(3):
        cache.set("key", number, 60)
        assert cache.get("key") == number
        assert len(lakebase.endpoint.created) == number + 1, "connections are kept"
        lakebase.expire()
    assert cache.get("key") == 2


def test_restarted_database_gets_a_new_password(app: Flask, lakebase: Lakebase) -> None:
    cache = cache_of(app)
    cache.set("key", 1, 60)
    lakebase.server.restart()
    assert cache.get("key") == 1
    assert len(lakebase.endpoint.created) == 2


def test_workspace_without_passwords_costs_the_cache_and_says_so(
    app: Flask,
    lakebase: Lakebase,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault_proxy.clear_faults()
    fault_proxy.fail(Refusal(403), path=INSTANCE_PATH)
    cache = app.extensions["lakeflow_jobs"].cache
    with caplog.at_level(logging.WARNING):
        assert cache.add("lease", 1, 60), "each process works by itself"
    assert "There is no password for the database" in caplog.text
    assert "denies access" in caplog.text


def test_password_is_in_no_log(
    app: Flask, lakebase: Lakebase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        cache_of(app).set("key", 1, 60)
        lakebase.expire()
        assert cache_of(app).get("key") == 1
    assert lakebase.endpoint.created
    for password in lakebase.endpoint.created:
        assert password not in caplog.text


def test_record_upgrade_creates_the_tables_in_a_schema_of_the_app(
    app: Flask, lakebase: Lakebase
) -> None:
    record = app.extensions["lakeflow_jobs"].record
    upgrade_schema(record.database)
    assert record.list_runs() == []
    url = lakebase.server.url(lakebase.name)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names(schema=lakebase.role)
    engine.dispose()
    assert "lakeflow_runs" in names
