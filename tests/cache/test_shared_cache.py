"""The shared cache: JSON entries with a version, and no errors."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_caching import Cache
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import (
    LakeflowJobs,
)
from flask_lakeflow_jobs.cache import create_backend
from flask_lakeflow_jobs.cache.availability import (
    COOLDOWN_SECONDS,
    GIVEN_UP_SECONDS,
    HANGING_SECONDS,
)
from flask_lakeflow_jobs.cache.shared_cache import (
    ENTRY_VERSION,
    KEY_PREFIX,
    SharedCache,
)
from tests.clocks import FakeClock
from tests.support import FailingStore, run_python


def files(folder: Path) -> dict[str, Any]:
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder), "CACHE_THRESHOLD": 5}


@pytest.fixture(params=["SimpleCache", "FileSystemCache"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> SharedCache:
    config = (
        files(tmp_path) if request.param == "FileSystemCache" else {"CACHE_TYPE": "SimpleCache"}
    )
    return SharedCache(create_backend(Flask(__name__), config, None))


@pytest.mark.parametrize("value", [{"a": [1, None, "ü\u2028"]}, [], "", 0, False, "text", 1.5])
def test_shared_cache_returns_stored_values(shared: SharedCache, value: object) -> None:
    assert shared.get("key") is None
    shared.set("key", value, 60)
    assert shared.get("key") == value
    shared.delete("key")
    assert shared.get("key") is None


def test_shared_cache_add_succeeds_once(shared: SharedCache) -> None:
    assert [shared.add("key", name, 60) for name in ("first", "second")] == [True, False]
    assert shared.get("key") == "first"
    shared.delete("key")
    assert shared.add("key", "third", 60)


def test_shared_cache_add_replaces_an_expired_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is still there: files stay until there are many."""
    shared = SharedCache(create_backend(Flask(__name__), files(tmp_path), None))
    assert shared.add("claim", "first", 5)
    now = time.time()
    monkeypatch.setattr("cachelib.file.time", lambda: now + 10)
    assert shared.add("claim", "second", 5)
    assert not shared.add("claim", "third", 5)


def test_shared_cache_that_stores_nothing_leaves_each_process_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: that of files logs it and returns."""
    shared = SharedCache(create_backend(Flask(__name__), files(tmp_path), None))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cachelib.file.os.replace", refuse)
        assert shared.add("lease", True, 60)
        shared.set("key", 1, 60)
        assert shared.is_failing
    assert "Is the disk full?" in caplog.text
    assert shared.add("lease", True, 60)
    assert not shared.add("lease", True, 60)


@pytest.mark.parametrize(
    "garbage", [b"1" * 5_000, b"[" * 200_000, b"\xff", b"null", b'{"version":1}', "\u00b2".encode()]
)
def test_shared_cache_with_garbage_has_no_value(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    shared = SharedCache(create_backend(Flask(__name__), files(tmp_path), None))
    shared.set("key", 1, 60)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        if b"version" in content:
            path.write_bytes(content[:4] + garbage)
    assert shared.get("key") is None
    assert shared.get_many(["key"]) == shared.get_parsed("key") == [None]
    assert not shared.is_failing
    assert not caplog.records


@pytest.mark.parametrize("part", ["namespace", "secret"])
def test_shared_cache_namespaces_are_separate(tmp_path: Path, part: str) -> None:
    host, options = Flask(__name__), files(tmp_path)
    parts: list[dict[str, Any]] = [{part: "a"}, {part: "a"}, {part: "b"}]
    one, same, other = (SharedCache(create_backend(host, options, None), **each) for each in parts)
    one.set("key", 1, 60)
    assert same.get("key") == 1
    assert other.get("key") is None
    assert other.add("key", 2, 60)


def test_shared_cache_set_for_zero_seconds_stores_nothing(shared: SharedCache) -> None:
    shared.set("key", 1, 0)
    assert shared.get("key") is None


def test_shared_cache_set_over_max_chars_stores_nothing(shared: SharedCache) -> None:
    shared.set("key", "x" * 1000, 60, max_chars=500)
    assert shared.get("key") is None
    shared.set("key", "x" * 100, 60, max_chars=500)
    assert shared.get("key") == "x" * 100


def test_shared_cache_over_its_threshold_keeps_working(
    shared: SharedCache, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        shared.set(f"key-{number}", number, 60)
    assert shared.get("key-19") == 19
    assert not caplog.records


def test_shared_cache_on_files_is_cross_process(tmp_path: Path) -> None:
    one, other = (
        SharedCache(create_backend(Flask(__name__), files(tmp_path), None)) for _ in range(2)
    )
    one.set("key", {"a": 1}, 60)
    assert other.get("key") == {"a": 1}
    assert [one.add("lease", 1, 60), other.add("lease", 2, 60)] == [True, False]
    assert one.is_cross_process


def test_shared_cache_in_memory_is_not_cross_process() -> None:
    for kind in ("SimpleCache", "NullCache"):
        config = {"CACHE_TYPE": kind, "CACHE_NO_NULL_WARNING": True}
        assert not SharedCache(create_backend(Flask(__name__), config, None)).is_cross_process


def test_shared_cache_stores_json_with_a_version(tmp_path: Path) -> None:
    SharedCache(create_backend(Flask(__name__), files(tmp_path), None)).set("key", {"a": 1}, 60)
    stored = [path.read_bytes()[4:] for path in tmp_path.iterdir()]
    entries = [json.loads(content) for content in stored if content.startswith(b"{")]
    [entry] = entries
    assert (entry["version"], entry["value"]) == (ENTRY_VERSION, {"a": 1})


class Bomb:
    """Fails the test when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("A pickle was read.",)


def test_shared_cache_never_reads_a_pickle(tmp_path: Path) -> None:
    host = Cache(config=files(tmp_path), with_jinja2_ext=False)
    app = Flask(__name__)
    host.init_app(app)
    shared = SharedCache(create_backend(Flask(__name__), files(tmp_path), None))
    with app.app_context():
        host.set(KEY_PREFIX + "key", Bomb())
    assert shared.get("key") is None


@pytest.mark.parametrize(
    "stored",
    ["", "{", "5", "[]", "null", '{"value": 1}', '{"version": 999, "value": 1}', b"\x80\x04", 5],
)
def test_shared_cache_ignores_entries_of_other_formats(stored: object) -> None:
    app, host = Flask(__name__), Cache(config={"CACHE_TYPE": "SimpleCache"})
    shared = SharedCache(create_backend(app, {}, host))
    with app.app_context():
        host.set(KEY_PREFIX + "key", stored)
    assert shared.get("key") is None


def test_shared_cache_on_the_hosts_cache_leaves_its_entries(tmp_path: Path) -> None:
    app, host = Flask(__name__), Cache(config=files(tmp_path))
    host.init_app(app)
    shared = SharedCache(create_backend(app, {}, host))
    with app.app_context():
        host.set("its own", {1, 2})
        shared.set("ours", 1, 60)
        assert host.get("its own") == {1, 2}
        assert shared.get("its own") is None
        assert shared.get("ours") == 1


def test_shared_cache_leaves_the_hosts_template_cache() -> None:
    app = Flask(__name__)
    host = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    LakeflowJobs(app)
    [name] = [name for name, value in vars(app.jinja_env).items() if isinstance(value, Cache)]
    assert getattr(app.jinja_env, name) is host


def test_shared_cache_with_failing_backend_never_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = FailingStore()
    clock = FakeClock()
    shared = SharedCache(backend, clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert shared.get("key") is None
            shared.set("key", 1, 60)
            shared.delete("key")
            assert shared.add("lease", 1, 60), "each process polls by itself"
            assert shared.get_many(["key", "other"]) == [None, None]
            shared.set_many({"key": 1}, 60)
        assert len(caplog.records) == 1
        assert "The store is unavailable." in caplog.text
        backend.is_available = True
        clock.sleep(COOLDOWN_SECONDS)
        shared.set("key", 1, 60)
        assert shared.get("key") == 1
    assert not shared.is_failing
    assert len(caplog.records) == 2
    assert "available again" in caplog.records[-1].getMessage()


class HangingStore(SimpleCache):
    """A backend without a timeout, whose first accesses hang while others begin."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.during: Callable[[], object] = lambda: None
        self.accesses = 0

    def get(self, key: str) -> None:
        self.accesses += 1
        self._clock.sleep(HANGING_SECONDS + 0.1)
        self.during()


FORKING = """
import os, sys, threading
from cachelib import SimpleCache
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.cache.availability import GIVEN_UP_SECONDS, HANGING_SECONDS
from tests.clocks import FakeClock

class SlowCache(SimpleCache):
    def get(self, key):
        began.set()
        may_end.wait(120)

began, may_end, clock = threading.Event(), threading.Event(), FakeClock()
backend = SlowCache()
cache = SharedCache(backend, clock)
thread = threading.Thread(target=cache.get, args=("key",))
thread.start()
began.wait(120)
child = os.fork()
if child == 0:
    clock.sleep((HANGING_SECONDS + GIVEN_UP_SECONDS) / 2)
    cache.set("other", 1, 60)
    os._exit(0 if backend.has("lakeflow-jobs:other") else 1)
may_end.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_forked_child_uses_the_cache_though_an_access_of_its_parent_hangs() -> None:
    run_python(FORKING)


def test_shared_cache_is_left_alone_while_an_access_hangs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    store = HangingStore(clock)
    cache = SharedCache(store, clock)
    store.during = lambda: [cache.get(f"other{number}") for number in range(100)]
    cache.get("first")
    assert store.accesses == 1
    assert cache.is_failing
    assert caplog.text.count("unavailable") == 1


def test_shared_cache_is_tried_again_although_an_access_hangs_forever() -> None:
    clock = FakeClock()
    store = HangingStore(clock)
    cache = SharedCache(store, clock)

    def go_on() -> None:
        store.during = lambda: None
        clock.sleep(GIVEN_UP_SECONDS)
        cache.get("other")

    store.during = go_on
    cache.get("first")
    assert store.accesses == 2


def test_shared_cache_reads_and_writes_many_keys(shared: SharedCache) -> None:
    shared.set_many({"a": 1, "b": [2]}, 60)
    assert shared.get_many(["b", "missing", "a"]) == [[2], None, 1]
    shared.delete("a", "b", "missing")
    assert shared.get_many(["a", "b"]) == [None, None]
    assert shared.get_many([]) == []


class RedisClusterCache(SimpleCache):
    """A backend whose commands for many keys fail, because its servers have some of them each."""

    def get_many(self, *keys: str) -> list[Any]:
        raise ValueError("Keys must map to the same slot.")

    def delete_many(self, *keys: str) -> list[Any]:
        raise ValueError("Keys must map to the same slot.")


def test_shared_cache_on_a_redis_cluster_accesses_keys_one_by_one() -> None:
    shared = SharedCache(RedisClusterCache())
    shared.set_many({"a": 1, "b": 2}, 60)
    assert shared.get_many(["a", "b"]) == [1, 2]
    shared.delete("a", "b")
    assert shared.get_many(["a", "b"]) == [None, None]
    assert not shared.is_failing


def test_shared_cache_value_that_is_not_json_raises_type_error(shared: SharedCache) -> None:
    with pytest.raises(TypeError):
        shared.set("key", {1, 2}, 60)
