"""The shared cache over a real Redis: JSON between processes, and no wait for a dead server."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis
from flask import Flask
from flask_caching import Cache
from flask_caching.backends.rediscache import RedisCache

from flask_lakeflow_jobs.cache import create_backend
from flask_lakeflow_jobs.cache.availability import COOLDOWN_SECONDS
from flask_lakeflow_jobs.cache.backend import REDIS_TIMEOUT_SECONDS
from flask_lakeflow_jobs.cache.shared_cache import ENTRY_VERSION, KEY_PREFIX, SharedCache
from flask_lakeflow_jobs.clock import Clock
from tests.clocks import FakeClock
from tests.sharing.conftest import RedisCluster, RedisServer
from tests.streaming.servers import ROOT

InThreads = Callable[..., list[threading.Thread]]


def connect(server: RedisServer, clock: Clock | None = None) -> SharedCache:
    return SharedCache(create_backend(Flask(__name__), server.config, None), clock)


def test_redis_entry_is_read_by_every_process(redis_server: RedisServer) -> None:
    one, other = connect(redis_server), connect(redis_server)
    values: list[Any] = [{"a": [1, None, "ü\u2028"]}, [], "", 0, True, "text", 1.5]
    for value in values:
        one.set("key", value, 60)
        assert other.get("key") == value
    other.delete("key")
    assert one.get("key") is None
    assert one.is_cross_process


def test_redis_entry_is_json_with_a_version_and_expires(redis_server: RedisServer) -> None:
    shared = connect(redis_server)
    shared.set("key", {"a": 1}, 60)
    shared.add("lease", True, 5)
    contents = redis_server.contents()
    entries = {name: json.loads(value) for name, value in contents.items()}
    assert {name: entry["value"] for name, entry in entries.items()} == {
        f"flask_cache_{KEY_PREFIX}key": {"a": 1},
        f"flask_cache_{KEY_PREFIX}lease": True,
    }
    assert {entry["version"] for entry in entries.values()} == {ENTRY_VERSION}
    with redis_server.client() as client:
        assert all(0 < client.ttl(name) <= 60 for name in contents)


def test_host_cache_holds_json_entries_next_to_its_own_pickles(redis_server: RedisServer) -> None:
    app = Flask(__name__)
    host = Cache(app, config={**redis_server.config, "CACHE_KEY_PREFIX": "host:"})
    shared = SharedCache(create_backend(app, {}, host))
    shared.set("key", {"a": 1}, 60)
    with app.app_context():
        host.set("own", {1, 2})
        assert host.get("own") == {1, 2}
    contents = redis_server.contents()
    assert json.loads(contents[f"host:{KEY_PREFIX}key"])["value"] == {"a": 1}
    assert contents["host:own"].startswith(b"!\x80")


def test_replica_that_lags_behind_is_not_read(redis_server: RedisServer) -> None:
    """Sentinel's cache reads from one: changes would seem undone, and leases free."""
    app = Flask(__name__)
    host = Cache(app, config=redis_server.config)
    url = redis_server.url.removesuffix("0") + "1"
    with redis.Redis.from_url(url) as replica:  # no write arrives there
        app.extensions["cache"][host]._read_client = replica
        shared = SharedCache(create_backend(app, {}, host))
        shared.set("key", 1, 60)
        assert shared.get("key") == 1
        assert [shared.add("lease", each, 60) for each in (1, 2)] == [True, False]
    assert not shared.is_failing


def test_deleted_keys_are_not_looked_for(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take a round trip, and another process may have stored it again."""
    monkeypatch.setattr(RedisCache, "has", lambda *_: pytest.fail("It looks for a deleted key."))
    shared = connect(redis_server)
    shared.set_many({"a": 1, "b": 2}, 60)
    shared.delete("a", "b")
    assert shared.get_many(["a", "b"]) == [None, None]


class Bomb:
    """Fails the test when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("A pickle was read.",)


def test_pickle_in_redis_is_not_read(redis_server: RedisServer) -> None:
    app = Flask(__name__)
    host = Cache(app, config=redis_server.config)
    with app.app_context():
        host.set(KEY_PREFIX + "key", Bomb())
    assert connect(redis_server).get("key") is None


def test_concurrent_adds_of_one_entry_succeed_once(redis_server: RedisServer) -> None:
    stores = [connect(redis_server) for _ in range(8)]
    with ThreadPoolExecutor(len(stores)) as pool:
        for number in range(20):
            name = f"lease-{number}"
            assert sum(pool.map(lambda store: store.add(name, 1, 60), stores)) == 1  # noqa: B023


def test_entry_is_added_with_its_expiry_in_one_command(redis_server: RedisServer) -> None:
    """A process that is killed between two would leave a lease for ever."""
    with redis_server.client() as client:
        client.config_resetstat()
        assert connect(redis_server).add("lease", 1, 60)
        used: Any = client.info("commandstats")
    assert used.keys() & {"cmdstat_set", "cmdstat_setnx", "cmdstat_expire"} == {"cmdstat_set"}


def test_user_with_few_rights_uses_the_cache_over_the_documented_commands(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    documented = (ROOT / "docs/reference/configuration.md").read_text()
    (rights,) = re.findall(r"ACL SETUSER jobs on '>…' (.*)`", documented)
    with redis_server.client() as client:
        client.execute_command("ACL", "SETUSER", "jobs", "on", ">secret", *rights.split())
    url = redis_server.url.replace("//", "//jobs:secret@")
    shared = SharedCache(
        create_backend(Flask(__name__), {**redis_server.config, "CACHE_REDIS_URL": url}, None)
    )
    shared.set_many({"a": 1, "b": 2}, 60)
    shared.set("c", 3, 60)
    assert shared.add("lease", 1, 60)
    shared.delete("b")
    assert [shared.get("c"), *shared.get_many(["a", "b", "lease"])] == [3, 1, None, 1]
    assert not caplog.records


@pytest.mark.parametrize("kind", ["RedisCache", "RedisSentinelCache"])
def test_server_that_cuts_connections_is_tried_once_per_access(
    kind: str, in_threads: InThreads
) -> None:
    connections: list[object] = []

    def cut_connections() -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        in_threads(cut_connections)
        host, port = listener.getsockname()
        config = {"CACHE_TYPE": kind, "CACHE_REDIS_HOST": host, "CACHE_REDIS_PORT": port}
        config["CACHE_REDIS_SENTINELS"] = [(host, port)]
        assert SharedCache(create_backend(Flask(__name__), config, None)).get("key") is None
        listener.shutdown(socket.SHUT_RDWR)
    assert len(connections) == 1


def test_sentinels_get_the_timeouts_of_redis() -> None:
    backend: Any = create_backend(Flask(__name__), {"CACHE_TYPE": "RedisSentinelCache"}, None)
    (sentinel,) = backend._write_client.connection_pool.sentinel_manager.sentinels
    assert sentinel.connection_pool.connection_kwargs["socket_timeout"] == REDIS_TIMEOUT_SECONDS


def test_app_starts_while_its_redis_cluster_is_down(
    redis_cluster: RedisCluster, caplog: pytest.LogCaptureFixture
) -> None:
    redis_cluster.kill()
    shared = connect(redis_cluster)
    assert shared.get("key") is None
    assert "unavailable" in caplog.text
    redis_cluster.start()
    shared.set_many({"key": 1, "other": 2}, 60)
    assert shared.get_many(["key", "other"]) == [1, 2]
    assert not shared.add("key", 3, 60)


def test_dead_redis_costs_entries_and_one_warning(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    shared = connect(redis_server, clock)
    shared.set("key", 1, 60)
    redis_server.kill()
    for _ in range(3):
        assert shared.get("key") is None
        assert shared.add("lease", 1, 60), "each process works by itself"
        shared.set("key", 1, 60)
    assert len(caplog.records) == 1
    redis_server.start()
    shared.set("key", 2, 60)
    assert shared.get("key") == 2
    assert len(caplog.records) == 1, "it may fail again"
    clock.sleep(COOLDOWN_SECONDS)
    shared.set("key", 3, 60)
    assert shared.get("key") == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_hanging_redis_is_tried_once_per_cooldown(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()

    class SlowFailingCache(RedisCache):
        """A backend whose failures take a second of the fake clock."""

        def get(self, key: str) -> Any:
            try:
                return super().get(key)
            except redis.TimeoutError:
                clock.sleep(1.0)
                raise

    client = redis.Redis.from_url(redis_server.url, socket_timeout=1)
    shared = SharedCache(SlowFailingCache(client), clock)
    redis_server.hang()
    assert shared.get("key") is None
    redis_server.resume()
    shared.set("key", "during the cooldown", 60)
    assert redis_server.contents() == {}
    clock.sleep(COOLDOWN_SECONDS)
    shared.set("key", "after the cooldown", 60)
    assert len(redis_server.contents()) == 1
    assert len(caplog.records) == 1, "reads failed"
    assert shared.get("key") == "after the cooldown"
    assert len(caplog.records) == 2
    client.close()


def test_redis_configuration_gets_a_timeout_unless_it_has_one(redis_server: RedisServer) -> None:
    app = Flask(__name__)
    create_backend(app, redis_server.config, None)
    [backend] = app.extensions["cache"].values()
    assert (
        backend._read_client.connection_pool.connection_kwargs["socket_timeout"]
        == REDIS_TIMEOUT_SECONDS
    )
    configured = {**redis_server.config, "CACHE_OPTIONS": {"socket_timeout": 9}}
    app = Flask(__name__)
    create_backend(app, configured, None)
    [backend] = app.extensions["cache"].values()
    assert backend._read_client.connection_pool.connection_kwargs["socket_timeout"] == 9
