"""A Flask-Caching backend in the app's SQL database: JSON entries that expire, and no pickles.

Set it by its path, as Flask-Caching takes any backend:
``{"CACHE_TYPE": "flask_lakeflow_jobs.sql_cache.SqlCache"}``. Every operation is one statement.
"""

# ruff: noqa: S608  # statements are made of constants
from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from flask_caching.backends.base import BaseCache

from .clock import Clock, SystemClock
from .config.keys import CACHE, LAKEBASE, RECORD_URL
from .config.readers import SettingsReader, parse_lakebase, parse_record_url
from .database.database import CHOOSE_SCHEMA, Database, open_database
from .errors import ConfigurationError, DatabaseUnavailable
from .state import database_credentials
from .text import parse_if_json

if TYPE_CHECKING:
    from flask import Flask

T = TypeVar("T")

TABLE = "lakeflow_cache"

#: The key of a Flask-Caching configuration that has the URL of the database.
CACHE_SQL_URL = "CACHE_SQL_URL"

#: Seconds that a statement may take: a slow cache delays every update, where none costs only polls.
TIMEOUT_SECONDS = 1.0

#: Longer keys are stored as their hash.
MAX_KEY_CHARS = 250

#: How long an entry without a timeout is kept, in milliseconds: 30,000 years.
FOREVER = 10**15

#: Seconds between two removals of expired entries by one process, and the entries of one removal.
PURGE_SECONDS = 60.0
PURGE_ROWS = 1_000

#: Held while the table is created on Postgres; any number that nothing else uses.
CREATION_LOCK = 0x6C616B66


class JsonSerializer:
    """Stores what JSON can represent, in place of cachelib's pickles."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, stored: bytes) -> Any:
        return parse_if_json(stored)  # None for what another program wrote


class _Statements:
    """The statements in the SQL of one database, whose clock decides what has expired."""

    def __init__(self, *, is_sqlite: bool) -> None:
        if is_sqlite:
            table = f"CREATE TABLE IF NOT EXISTS {TABLE}"
            now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
            keys = "IN (SELECT value FROM json_each(:keys))"
            rows = "json_each(:rows) AS entry"
            lock = skip_locked = ""
        else:
            # What is not logged is lost when the server crashes, and costs half as much.
            table = f"CREATE UNLOGGED TABLE IF NOT EXISTS {TABLE}"
            now = "CAST(extract(epoch FROM now()) * 1000 AS bigint)"
            keys = "= ANY(CAST(:keys AS text[]))"
            rows = "unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS entry (key, value)"
            # Two processes that delete the same rows lock them in the same order.
            lock, skip_locked = "ORDER BY key FOR UPDATE", "FOR UPDATE SKIP LOCKED"
        expiry = f"{now} + CAST(:lifetime AS bigint)"
        conflict = (
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value,"
            " expires_at = excluded.expires_at"
        )
        create = [
            f"{table} (key text PRIMARY KEY, value text NOT NULL, expires_at bigint NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS {TABLE}_expiry ON {TABLE} (expires_at)",
        ]
        # Postgres runs statements that are sent together in one transaction.
        locked = f"SELECT pg_advisory_xact_lock({CREATION_LOCK})"
        self._create = create if is_sqlite else ["; ".join([locked, CHOOSE_SCHEMA, *create])]
        self.get_many = sa.text(
            f"SELECT key, value FROM {TABLE} WHERE key {keys} AND expires_at > {now}"
        )
        self.set_many = sa.text(
            f"INSERT INTO {TABLE} (key, value, expires_at)"
            f" SELECT key, value, {expiry} FROM {rows} WHERE true {conflict}"
        )
        self.add = sa.text(
            f"INSERT INTO {TABLE} (key, value, expires_at) VALUES (:key, :value, {expiry})"
            f" {conflict} WHERE {TABLE}.expires_at <= {now}"
        )
        self.delete_many = sa.text(
            f"DELETE FROM {TABLE} WHERE key IN (SELECT key FROM {TABLE} WHERE key {keys} {lock})"
        )
        self.clear = sa.text(f"DELETE FROM {TABLE} WHERE substr(key, 1, :chars) = :prefix")
        self.purge = sa.text(
            f"DELETE FROM {TABLE} WHERE key IN (SELECT key FROM {TABLE}"
            f" WHERE expires_at <= {now} LIMIT {PURGE_ROWS} {skip_locked})"
        )

    def create_table(self, connection: sa.Connection) -> None:
        """Create the table if there is none."""
        if sa.inspect(connection).has_table(TABLE):
            return
        for statement in self._create:
            connection.exec_driver_sql(statement)


class SqlCache(BaseCache):
    """A cache in a table of its own, which all processes of an app share.

    :param database: in autocommit mode. Its timeouts are those of the cache.
    :param key_prefix: separates apps that share a table.
    """

    serializer = JsonSerializer()

    def __init__(
        self,
        database: Database,
        default_timeout: int = 300,
        *,
        key_prefix: str = "",
        ignore_delete_many_errors: bool = False,  # of Flask-Caching 2.5; one statement deletes all
        clock: Clock | None = None,
    ) -> None:
        super().__init__(default_timeout)  # the only argument that every version takes
        self._database = database
        self._prefix = key_prefix
        self._clock = clock or SystemClock()
        self._statements = _Statements(is_sqlite=database.is_sqlite)
        self._has_table = False
        self._purged_at = self._clock.monotonic()

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> SqlCache:
        """Create the cache of an app from its Flask-Caching configuration.

        :raises ConfigurationError: there is no database, or its URL is malformed.
        """
        return cls(
            _open_database(app, config),
            *args,
            **{"key_prefix": config.get("CACHE_KEY_PREFIX") or "", **kwargs},
        )

    def get(self, key: str) -> Any:
        return self.get_many(key)[0]

    def get_many(self, *keys: str) -> list[Any]:
        names = [self._name(key) for key in keys]
        arguments, statement = {"keys": self._list(names)}, self._statements.get_many
        rows = self._run(lambda connection: connection.execute(statement, arguments).all())
        values = {row.key: row.value for row in rows}
        return [
            self.serializer.loads(values[name].encode()) if name in values else None
            for name in names
        ]

    def has(self, key: str) -> bool:
        return self.get(key) is not None

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        self.set_many({key: value}, timeout)
        return True

    def set_many(
        self, mapping: Mapping[str, Any], timeout: int | timedelta | None = None
    ) -> list[Any]:
        # All processes lock the rows in the same order.
        entries = dict(
            sorted((self._name(key), self._dump(value)) for key, value in mapping.items())
        )
        if self._database.is_sqlite:
            arguments: dict[str, Any] = {"rows": json.dumps(entries)}
        else:
            arguments = {"keys": [*entries], "values": [*entries.values()]}
        arguments["lifetime"] = self._lifetime(timeout)
        self._execute(self._statements.set_many, arguments)
        self._purge()
        return [*mapping]

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        arguments = {
            "key": self._name(key),
            "value": self._dump(value),
            "lifetime": self._lifetime(timeout),
        }
        added = self._execute(self._statements.add, arguments)
        self._purge()
        return added > 0

    def delete(self, key: str) -> bool:
        return bool(self.delete_many(key))

    def delete_many(self, *keys: str) -> list[Any]:
        arguments = {"keys": self._list([self._name(key) for key in keys])}
        self._execute(self._statements.delete_many, arguments)
        return [*keys]

    def clear(self) -> bool:
        arguments = {"chars": len(self._prefix), "prefix": self._prefix}
        self._execute(self._statements.clear, arguments)
        return True

    def _purge(self) -> None:
        """Remove expired entries once in a while, and with every write while many are left."""
        now = self._clock.monotonic()
        if now - self._purged_at < PURGE_SECONDS:
            return
        self._purged_at = now
        purged = self._execute(self._statements.purge, {})
        if purged == PURGE_ROWS:  # there may be more
            self._purged_at = now - PURGE_SECONDS

    def _execute(self, statement: sa.TextClause, arguments: Mapping[str, Any]) -> int:
        """Execute a statement, and return how many rows it has changed."""
        return self._run(lambda connection: connection.execute(statement, arguments).rowcount)

    def _run(self, call: Callable[[sa.Connection], T]) -> T:
        """Run a statement; once more if its connection turned out to be cut."""
        if not self._has_table:
            self._database.run(self._statements.create_table)
            self._has_table = True
        try:
            return self._database.run(call)
        except DatabaseUnavailable:
            self._has_table = False  # somebody may have dropped it
            raise

    def _name(self, key: str) -> str:
        name = self._prefix + key
        if len(name) <= MAX_KEY_CHARS:
            return name
        return self._prefix + hashlib.sha256(key.encode()).hexdigest()

    def _list(self, names: list[str]) -> list[str] | str:
        return json.dumps(names) if self._database.is_sqlite else names

    def _dump(self, value: Any) -> str:
        return self.serializer.dumps(value).decode()

    def _lifetime(self, timeout: int | timedelta | None) -> int:
        return self._normalize_timeout(timeout) * 1000 or FOREVER


def _open_database(app: Flask, config: Mapping[str, Any]) -> Database:
    reader = SettingsReader(app.config, os.environ)
    setting, url = CACHE_SQL_URL, config.get(CACHE_SQL_URL)
    if not url:
        setting, url = RECORD_URL.name, reader.read(RECORD_URL, parse_record_url)
    if not url:
        raise ConfigurationError(
            f"SqlCache requires a database. Set {CACHE_SQL_URL} in {CACHE.name}, or"
            f" {RECORD_URL.name}."
        )
    return open_database(
        url,
        instance_path=Path(app.instance_path),
        setting=setting,
        credentials=database_credentials(app, reader.read(LAKEBASE, parse_lakebase)),
        timeout=TIMEOUT_SECONDS,
        autocommit=True,
    )
