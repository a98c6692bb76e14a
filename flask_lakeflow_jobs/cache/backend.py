"""The Flask-Caching backend of the shared cache: which one it may be, and how it stores texts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from cachelib import BaseCache
from cachelib.serializers import BaseSerializer
from flask_caching import Cache
from werkzeug.utils import ImportStringError

from ..config.keys import CACHE
from ..errors import ConfigurationError
from ..text import first_line

if TYPE_CHECKING:
    from flask import Flask

#: Default timeouts of a Redis server, unless ``CACHE_OPTIONS`` sets them. Some versions of redis-py
#: would wait forever.
REDIS_TIMEOUT_SECONDS = 1.0
REDIS_CONNECT_TIMEOUT_SECONDS = 2.0

#: Modules that a backend needs, and the extras that bring them.
BACKEND_EXTRAS = {"redis": "redis", "sqlalchemy": "record"}


def create_backend(app: Flask, config: Mapping[str, Any], cache: Cache | None) -> BaseCache:
    """Create the backend of an app, or a copy of that of the host's own cache. It stores texts.

    :param config: a Flask-Caching configuration.
    :param cache: the host's own cache, which is used instead of the configuration.
    :raises ConfigurationError: Flask-Caching does not accept the configuration, or the entries
        would be read as pickles.
    """
    if cache is None:
        cache = Cache(with_jinja2_ext=False)  # templates keep the host's own cache
        _check_config(config)
        try:
            cache.init_app(_without_host_cache(app), config=_add_redis_timeouts(config))
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConfigurationError(_explain_init_error(error)) from error
    elif cache not in app.extensions.get("cache", {}):
        cache.init_app(app)
    backend: BaseCache = app.extensions["cache"][cache]
    for each in type(backend).__mro__:
        _refuse_pickles(each.__name__)
    return _copy_for_texts(backend)


def _without_host_cache(app: Flask) -> Flask:
    """Return the app without the settings of its own cache, which may be of another type."""
    plain = copy.copy(app)
    plain.config = copy.copy(app.config)
    for name in [each for each in app.config if str(each).startswith("CACHE_")]:
        del plain.config[name]
    return plain


def _check_config(config: Mapping[str, Any]) -> None:
    name = str(config.get("CACHE_TYPE"))
    _refuse_pickles(name)
    if "filesystem" in name.lower() and not config.get("CACHE_DIR"):
        raise ConfigurationError(
            f"{CACHE.name} needs CACHE_DIR for {name}. Set it to a folder that only the app may"
            " write to."
        )
    try:
        _ = urlsplit(str(config.get("CACHE_REDIS_URL"))).port
    except ValueError:  # it would be quoted, with a part of the password
        raise ConfigurationError(
            f"{CACHE.name} has a CACHE_REDIS_URL that is no URL. In a password, write '@' as %40,"
            " ':' as %3A, '/' as %2F, '#' as %23, '?' as %3F and '%' as %25."
        ) from None


def _refuse_pickles(backend: str) -> None:
    """Refuse clients that unpickle what they read, so that who writes to the server runs code."""
    if "memcached" in backend.lower():
        raise ConfigurationError(
            f"{CACHE.name} cannot use {backend}: its clients read pickles, with which anyone who"
            " can write to the server could run code in the app. Use RedisCache, or"
            " flask_lakeflow_jobs.sql_cache.SqlCache."
        )


def _add_redis_timeouts(config: Mapping[str, Any]) -> dict[str, Any]:
    if "redis" not in str(config.get("CACHE_TYPE")).lower():
        return dict(config)
    timeouts = {
        "socket_timeout": REDIS_TIMEOUT_SECONDS,
        "socket_connect_timeout": REDIS_CONNECT_TIMEOUT_SECONDS,
    }
    return {**config, "CACHE_OPTIONS": {**timeouts, **(config.get("CACHE_OPTIONS") or {})}}


def _explain_init_error(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError) and cause.name in BACKEND_EXTRAS:
            extra = f"flask-lakeflow-jobs[{BACKEND_EXTRAS[cause.name]}]"
            return f"{CACHE.name} requires {cause.name}: pip install '{extra}'."
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, ImportStringError):
        cache_type = error.import_name.removeprefix("flask_caching.backends.")
        return (
            f"{CACHE.name} has the unknown CACHE_TYPE {cache_type!r}. Use one of"
            " Flask-Caching, such as 'RedisCache', or the full name of a class."
        )
    reason = first_line(str(error)) or type(error).__name__
    return f"{CACHE.name} is not a valid Flask-Caching configuration: {reason}"


class PlainTextSerializer(BaseSerializer):
    """Stores text as it is, in place of cachelib's pickles, and never reads a pickle."""

    def dumps(self, value: str, protocol: int = 0) -> bytes:
        return value.encode()

    def loads(self, bvalue: bytes | str | None) -> str | None:
        try:  # with decode_responses, redis-py returns texts
            return (bvalue.decode() if isinstance(bvalue, bytes) else bvalue) or None
        except ValueError:  # a pickle, or another thing that another program wrote
            return None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> str | None:
        return self.loads(f.read())


def _copy_for_texts(backend: Any) -> BaseCache:
    """Return a copy of a backend that stores texts. The host's own cache keeps its serializer."""
    copied: Any = copy.copy(backend)
    if hasattr(copied, "serializer"):
        copied.serializer = PlainTextSerializer()
    if hasattr(copied, "_file_count"):  # of files
        copied.__class__ = _count_anew(type(copied))
    if hasattr(copied, "_read_client"):  # of Redis
        # Sentinel's is a replica, which may lag behind.
        copied._read_client = copied._write_client
        # Whether a deleted key is gone takes a round trip for each.
        copied.has = lambda key: False
    # A key that another process stores again at once is no failure. The second name is that of
    # Flask-Caching 2.4.
    vars(copied).update(ignore_delete_many_errors=True, ignore_errors=True)
    return cast("BaseCache", copied)


def _count_anew(kind: type) -> type:
    """Let a FileSystemCache count its files: the number in its folder is a pickle of the host's."""
    methods = {
        "_file_count": property(lambda self: len(list(self._list_dir()))),
        "_update_count": lambda self, *_, **__: None,
    }
    return type(kind.__name__, (kind,), methods)
