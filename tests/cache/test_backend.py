"""Configurations of the shared cache that are refused; and backends that store texts."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_caching import Cache
from flask_caching.backends import NullCache

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.cache import create_backend
from flask_lakeflow_jobs.cache.backend import PlainTextSerializer
from flask_lakeflow_jobs.cache.shared_cache import SharedCache


@pytest.mark.parametrize("config", [{"CACHE_TYPE": "NoSuchCache"}, {"CACHE_TYPE": 5}])
def test_cache_config_that_is_invalid_names_its_key(
    config: dict[str, Any],
) -> None:
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = config
    with pytest.raises(ConfigurationError, match=r"^LAKEFLOW_JOBS_CACHE.*[^:]$"):
        LakeflowJobs(app)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"CACHE_TYPE": "RedisCash"}, r"CACHE_TYPE 'RedisCash'. Use one of"),
        ({"CACHE_TYPE": "no.such.Cache"}, r"unknown CACHE_TYPE 'no.such.Cache'. Use one of"),
        ({"CACHE_TYPE": "FileSystemCache"}, "needs CACHE_DIR"),
        ({"CACHE_TYPE": "MemcachedCache"}, "MemcachedCache: its clients read pickles"),
        ({"CACHE_TYPE": "flask_caching.backends.SASLMemcachedCache"}, "read pickles"),
        ({"CACHE_TYPE": "memcached"}, "read pickles"),
    ],
)
def test_cache_config_that_cannot_be_used_says_why_or_what_to_use(
    config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^LAKEFLOW_JOBS_CACHE .*{reason}"):
        create_backend(Flask(__name__), config, None)


@pytest.mark.parametrize("password", ["s3c:ret/x", "s3cret#x", "s3cret?x", "s3cret[x"])
def test_password_in_a_malformed_url_of_redis_is_not_quoted(password: str) -> None:
    config = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": f"redis://:{password}@localhost/0"}
    with pytest.raises(ConfigurationError, match="In a password, write") as caught:
        create_backend(Flask(__name__), config, None)
    assert "s3c" not in "".join(traceback.format_exception(caught.value))


class MemcachedCache(NullCache):
    """A cache of the host app, named as that of Flask-Caching, which needs a client."""


class CompanyCache(MemcachedCache):
    """A class of the host's own."""


@pytest.mark.parametrize("name", ["MemcachedCache", "CompanyCache"])
def test_hosts_memcached_is_refused(name: str) -> None:
    app = Flask(__name__)
    host = Cache(app, config={"CACHE_TYPE": f"{__name__}.{name}"})
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_CACHE cannot use MemcachedCache"):
        create_backend(app, {}, host)


@pytest.mark.parametrize(
    "setting",
    [
        {"CACHE_OPTIONS": {"socket_timeout": 1}},
        {"CACHE_ARGS": ["localhost"]},
        {"CACHE_SERIALIZER": "myapp.Serializer"},
    ],
    ids=str,
)
def test_settings_of_the_hosts_own_cache_do_not_apply(setting: dict[str, Any]) -> None:
    """They may be those of another type."""
    app = Flask(__name__)
    app.config.update(setting)
    create_backend(app, {"CACHE_TYPE": "SimpleCache"}, None)
    assert app.config.items() >= setting.items()


def test_cache_config_for_redis_without_driver_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    app = Flask(__name__)
    app.config["LAKEFLOW_JOBS_CACHE"] = {"CACHE_TYPE": "RedisCache"}
    with pytest.raises(ConfigurationError, match=r"pip install 'flask-lakeflow-jobs\[redis\]'"):
        LakeflowJobs(app)


def _files(folder: Path) -> dict[str, Any]:
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder), "CACHE_THRESHOLD": 5}


@pytest.mark.parametrize("stored", [b"caf\xc3\xa9", "café"])
def test_entries_are_read_as_bytes_and_as_texts_that_redis_has_decoded(stored: bytes | str) -> None:
    assert PlainTextSerializer().loads(stored) == "café"


def test_files_that_former_processes_wrote_count_for_the_threshold(tmp_path: Path) -> None:
    for process in range(4):
        shared = SharedCache(create_backend(Flask(__name__), _files(tmp_path), None))
        for number in range(4):
            shared.set(f"{process}-{number}", number, 60)
    assert len(list(tmp_path.iterdir())) <= 5 + 1 + 1  # one over the threshold, and the number


def test_files_of_the_host_cache_are_counted_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app, host = Flask(__name__), Cache(config=_files(tmp_path), with_jinja2_ext=False)
    shared = SharedCache(create_backend(app, {}, host))
    with app.app_context():
        for number in range(10):
            shared.set(f"ours-{number}", number, 60)
            host.set(f"theirs-{number}", number)
        assert host.get("theirs-9") == 9
    assert len(list(tmp_path.iterdir())) <= 5 + 1 + 1
    assert not caplog.records
