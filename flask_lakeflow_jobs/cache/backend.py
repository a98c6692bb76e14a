"""The Flask-Caching backend of the shared cache: which one it may be, and how it stores texts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
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

#: Default timeouts of Redis and Sentinel servers, unless ``CACHE_OPTIONS`` sets them. Some versions
#: of redis-py would wait forever, and others try ten times.
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
        _check_config(config)
        return _create_from_config(app, _add_redis_options(config))
    if cache not in app.extensions.get("cache", {}):
        cache.init_app(app)
    return _copy_for_texts(app.extensions["cache"][cache])


def _create_from_config(app: Flask, config: Mapping[str, Any]) -> BaseCache:
    create = partial(_init_backend, app, config)
    try:
        return create()
    except ConfigurationError:
        raise
    except Exception as error:
        if type(error).__module__ == "redis.exceptions":
            return cast("BaseCache", UnconnectedCluster(create))
        raise ConfigurationError(_explain_init_error(error)) from error


def _init_backend(app: Flask, config: Mapping[str, Any]) -> BaseCache:
    cache = Cache(with_jinja2_ext=False)  # templates keep the host's own cache
    cache.init_app(_without_host_cache(app), config={**config})
    return _copy_for_texts(app.extensions["cache"][cache])


class UnconnectedCluster:
    """A Redis cluster that did not respond when the app started: its client connects at once.

    Each access tries to create it, until one succeeds.
    """

    def __init__(self, create: Callable[[], BaseCache]) -> None:
        self._create = create
        self._backend: BaseCache | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._access, name)

    def _access(self, name: str, *args: Any) -> Any:
        if self._backend is None:
            self._backend = self._create()
        return getattr(self._backend, name)(*args)


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


def _add_redis_options(config: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(config.get("CACHE_TYPE")).lower()
    if "redis" not in name:
        return config
    try:  # an extra
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ModuleNotFoundError:  # the backend says so
        return config
    options = {
        "socket_timeout": REDIS_TIMEOUT_SECONDS,
        "socket_connect_timeout": REDIS_CONNECT_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    if "sentinel" in name:
        options |= {f"sentinel_{option}": value for option, value in options.items()}
    return {**config, "CACHE_OPTIONS": {**options, **(config.get("CACHE_OPTIONS") or {})}}


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
    for each in type(backend).__mro__:
        _refuse_pickles(each.__name__)
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
        copied.add = partial(_add_to_redis, copied)
    # A key that another process stores again at once is no failure. The second name is that of
    # Flask-Caching 2.4.
    vars(copied).update(ignore_delete_many_errors=True, ignore_errors=True)
    return cast("BaseCache", copied)


def _add_to_redis(backend: Any, key: str, value: str, seconds: int) -> bool:
    """Add an entry in one command: after cachelib's first of two, it would never expire."""
    name, stored = f"{backend._get_prefix()}{key}", backend.serializer.dumps(value)
    return bool(backend._write_client.set(name, stored, ex=seconds, nx=True))


def _count_anew(kind: type) -> type:
    """Let a FileSystemCache count its files: the number in its folder is a pickle of the host's."""
    methods = {
        "_file_count": property(lambda self: len(list(self._list_dir()))),
        "_update_count": lambda self, *_, **__: None,
    }
    return type(kind.__name__, (kind,), methods)
