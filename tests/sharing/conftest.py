"""Real servers of Redis and Postgres, which tests may stop, kill and restart."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import redis

from flask_lakeflow_jobs.sql_cache import CACHE_SQL_URL, TABLE
from tests.postgres import PostgresServer
from tests.streaming.conftest import fake_workspace, run_id, start_server
from tests.streaming.servers import find_free_port
from tests.support import DEADLINE, wait_until

__all__ = [
    "RedisCluster",
    "RedisServer",
    "SharedStore",
    "fake_workspace",
    "redis_cluster",
    "redis_server",
    "run_id",
    "shared_store",
    "start_server",
]

AnyRedis = TypeVar("AnyRedis", bound="RedisServer")

EXECUTABLE = shutil.which("redis-server")


class SharedStore(Protocol):
    """A server in which workers share a cache."""

    @property
    def config(self) -> dict[str, Any]:
        """A value of ``LAKEFLOW_JOBS_CACHE``."""

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def hang(self) -> None: ...

    def contents(self) -> dict[str, bytes]: ...


class RedisServer:
    """A Redis server that stores nothing on disk."""

    options: Sequence[str] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = find_free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    @property
    def config(self) -> dict[str, Any]:
        """A value of ``LAKEFLOW_JOBS_CACHE``."""
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": self.url}

    def start(self) -> None:
        """Start it empty, on the same port each time."""
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", *self.options]
        self._process = subprocess.Popen(
            [EXECUTABLE or "", *options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._responds, "Redis responding")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)

    def hang(self) -> None:
        """Let it accept connections, but not respond."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def contents(self) -> dict[str, bytes]:
        """All entries, as they are stored."""
        with self.client() as client:
            names: Any = client.keys("*")
            contents: dict[str, Any] = {name.decode(): client.get(name) for name in names}
            return {name: value for name, value in contents.items() if value is not None}

    def _responds(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


class RedisCluster(RedisServer):
    """A cluster of one server."""

    options = ("--cluster-enabled", "yes")

    @property
    def config(self) -> dict[str, Any]:
        """A value of ``LAKEFLOW_JOBS_CACHE``."""
        cluster = f"127.0.0.1:{self._port}"
        return {"CACHE_TYPE": "RedisClusterCache", "CACHE_REDIS_CLUSTER": cluster}

    def start(self) -> None:
        """Start it empty, with all slots."""
        (self._folder / "nodes.conf").unlink(missing_ok=True)
        super().start()
        with self.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: self._read_state(client) == "ok", "a cluster with all slots")

    @staticmethod
    def _read_state(client: Any) -> str:
        return str(client.execute_command("CLUSTER INFO")["cluster_state"])


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    yield from _running(RedisServer(tmp_path))


@pytest.fixture
def redis_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    yield from _running(RedisCluster(tmp_path))


def _running(server: AnyRedis) -> Iterator[AnyRedis]:
    if EXECUTABLE is None and not os.environ.get("CI"):
        pytest.skip("There is no redis-server: apt-get install redis-server")
    try:
        server.start()
        yield server
    finally:
        server.resume()
        server.kill()


class PostgresStore:
    """A database of a Postgres server."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        self.url = url
        self.database = url.rsplit("/", 1)[1]
        self.start, self.kill, self.hang = server.start, server.kill, server.pause

    @property
    def config(self) -> dict[str, Any]:
        """A value of ``LAKEFLOW_JOBS_CACHE``."""
        return {
            "CACHE_TYPE": "flask_lakeflow_jobs.sql_cache.SqlCache",
            CACHE_SQL_URL: self.url,
        }

    def contents(self) -> dict[str, bytes]:
        """All entries, as they are stored."""
        with self._server.connect(self.database) as connection:
            rows = connection.execute(f"SELECT key, value FROM {TABLE}").fetchall()  # noqa: S608
            return {key: value.encode() for key, value in rows}


@pytest.fixture
def postgres_store(postgres_server: PostgresServer, postgres_url: str) -> PostgresStore:
    return PostgresStore(postgres_server, postgres_url)


@pytest.fixture(params=["redis", "postgres"])
def shared_store(request: pytest.FixtureRequest) -> SharedStore:
    """A real server of each sort, in which workers share a cache."""
    store: SharedStore = request.getfixturevalue(
        {"redis": "redis_server", "postgres": "postgres_store"}[request.param]
    )
    return store
