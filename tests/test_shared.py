"""What processes share: JSON with a version, and nothing breaks where the store does."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_caching import Cache

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.cache import ENTRY_VERSION, KEY_PREFIX, SharedCache
from tests.support import FailingStore


def files(folder: Path) -> dict[str, Any]:
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder), "CACHE_THRESHOLD": 5}


@pytest.fixture(params=["SimpleCache", "FileSystemCache"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> SharedCache:
    config = (
        files(tmp_path) if request.param == "FileSystemCache" else {"CACHE_TYPE": "SimpleCache"}
    )
    return SharedCache.from_config(Flask(__name__), config, None)


@pytest.mark.parametrize("value", [{"a": [1, None, "ü\u2028"]}, [], "", 0, False, "text", 1.5])
def test_what_is_put_there_is_there(shared: SharedCache, value: object) -> None:
    assert shared.get("key") is None
    shared.set("key", value, 60)
    assert shared.get("key") == value
    shared.delete("key")
    assert shared.get("key") is None


def test_of_several_who_add_one_wins(shared: SharedCache) -> None:
    assert [shared.add("key", name, 60) for name in ("first", "second")] == [True, False]
    assert shared.get("key") == "first"
    shared.delete("key")
    assert shared.add("key", "third", 60)


def test_what_has_expired_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it is still there: files stay until there are many."""
    shared = SharedCache.from_config(Flask(__name__), files(tmp_path), None)
    assert shared.add("claim", "first", 5)
    now = time.time()
    monkeypatch.setattr("cachelib.file.time", lambda: now + 10)
    assert shared.add("claim", "second", 5)
    assert not shared.add("claim", "third", 5)


def test_what_is_put_there_for_one_is_found_by_no_other(tmp_path: Path) -> None:
    host = Flask(__name__)
    one, same, other = (
        SharedCache.from_config(host, files(tmp_path), None, namespace=namespace)
        for namespace in ("a", "a", "b")
    )
    one.set("key", 1, 60)
    assert same.get("key") == 1
    assert other.get("key") is None
    assert other.add("key", 2, 60)


def test_what_is_to_be_kept_for_no_time_is_not_kept(shared: SharedCache) -> None:
    shared.set("key", 1, 0)
    assert shared.get("key") is None


def test_what_is_larger_than_it_may_be_is_not_kept(shared: SharedCache) -> None:
    shared.set("key", "x" * 1000, 60, max_chars=500)
    assert shared.get("key") is None
    shared.set("key", "x" * 100, 60, max_chars=500)
    assert shared.get("key") == "x" * 100


def test_more_entries_than_the_store_takes_break_nothing(
    shared: SharedCache, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        shared.set(f"key-{number}", number, 60)
    assert shared.get("key-19") == 19
    assert not caplog.records


def test_two_processes_share_files(tmp_path: Path) -> None:
    one, other = (SharedCache.from_config(Flask(__name__), files(tmp_path), None) for _ in range(2))
    one.set("key", {"a": 1}, 60)
    assert other.get("key") == {"a": 1}
    assert [one.add("lease", 1, 60), other.add("lease", 2, 60)] == [True, False]
    assert one.is_cross_process


def test_a_store_in_memory_is_no_store_between_processes() -> None:
    for kind in ("SimpleCache", "NullCache"):
        config = {"CACHE_TYPE": kind, "CACHE_NO_NULL_WARNING": True}
        assert not SharedCache.from_config(Flask(__name__), config, None).is_cross_process


def test_what_is_stored_is_json_with_a_version(tmp_path: Path) -> None:
    SharedCache.from_config(Flask(__name__), files(tmp_path), None).set("key", {"a": 1}, 60)
    stored = [path.read_bytes()[4:] for path in tmp_path.iterdir()]
    entries = [json.loads(content) for content in stored if content.startswith(b"{")]
    assert entries == [{"version": ENTRY_VERSION, "value": {"a": 1}}]


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("A pickle was read.",)


def test_a_pickle_that_somebody_left_there_is_not_read(tmp_path: Path) -> None:
    host = Cache(config=files(tmp_path), with_jinja2_ext=False)
    app = Flask(__name__)
    host.init_app(app)
    shared = SharedCache.from_config(Flask(__name__), files(tmp_path), None)
    with app.app_context():
        host.set(KEY_PREFIX + "key", Bomb())
    assert shared.get("key") is None


@pytest.mark.parametrize(
    "stored",
    ["", "{", "5", "[]", "null", '{"value": 1}', '{"version": 999, "value": 1}', b"\x80\x04", 5],
)
def test_what_is_no_entry_of_this_version_is_nothing(stored: object) -> None:
    app, host = Flask(__name__), Cache(config={"CACHE_TYPE": "SimpleCache"})
    shared = SharedCache.from_config(app, {}, host)
    with app.app_context():
        host.set(KEY_PREFIX + "key", stored)
    assert shared.get("key") is None


def test_the_hosts_own_cache_serves_and_keeps_its_own_entries(tmp_path: Path) -> None:
    app, host = Flask(__name__), Cache(config=files(tmp_path))
    host.init_app(app)
    shared = SharedCache.from_config(app, {}, host)
    with app.app_context():
        host.set("its own", {1, 2})
        shared.set("ours", 1, 60)
        assert host.get("its own") == {1, 2}
        assert shared.get("its own") is None
        assert shared.get("ours") == 1


def test_the_hosts_templates_keep_the_hosts_cache() -> None:
    app = Flask(__name__)
    host = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    LakeflowJobs(app)
    [name] = [name for name, value in vars(app.jinja_env).items() if isinstance(value, Cache)]
    assert getattr(app.jinja_env, name) is host


@pytest.mark.parametrize(
    "config", [{"CACHE_TYPE": "NoSuchCache"}, {"CACHE_TYPE": "no.such.Cache"}, {"CACHE_TYPE": 5}]
)
def test_a_cache_that_there_is_not_stops_the_start_with_the_name_of_its_key(
    config: dict[str, Any],
) -> None:
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = config
    with pytest.raises(ConfigurationError, match=r"^LAKEFLOW_JOBS_CACHE"):
        LakeflowJobs(app)


def test_a_redis_cache_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = {"CACHE_TYPE": "RedisCache"}
    with pytest.raises(ConfigurationError, match=r"pip install 'flask-lakeflow-jobs\[redis\]'"):
        LakeflowJobs(app)


def test_a_store_that_fails_costs_nothing_but_freshness_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = FailingStore()
    shared = SharedCache(backend)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert shared.get("key") is None
            shared.set("key", 1, 60)
            shared.delete("key")
            assert shared.add("lease", 1, 60), "each process looks for itself"
        assert len(caplog.records) == 1
        assert "The store is away." in caplog.text
        backend.is_well = True
        shared.set("key", 1, 60)
    assert shared.get("key") == 1
    assert len(caplog.records) == 2
    assert "back" in caplog.records[-1].getMessage()


def test_what_json_cannot_hold_is_a_mistake_and_not_a_pickle(shared: SharedCache) -> None:
    with pytest.raises(TypeError):
        shared.set("key", {1, 2}, 60)
