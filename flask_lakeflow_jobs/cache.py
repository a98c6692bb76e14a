"""The cache that the processes of an app share, over Flask-Caching, and its namespace."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cachelib.serializers import BaseSerializer
from flask_caching import Cache

from .config.keys import CACHE, SDK_KEYS
from .config.readers import SettingsReader
from .errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask

#: Of the shape of what is stored; entries of another version are not read.
ENTRY_VERSION = 1

KEY_PREFIX = "lakeflow-jobs:"

#: Backends of Flask-Caching that no other process sees.
PROCESS_ONLY = frozenset({"NullCache", "SimpleCache"})

#: Seconds that a Redis server may take for an answer, unless ``CACHE_OPTIONS`` says otherwise: some
#: versions of redis-py would wait for ever.
REDIS_TIMEOUT_SECONDS = 2.0

#: A failure that took longer than this, in seconds, is not asked for again for a while.
SLOW_FAILURE_SECONDS = 0.1

COOLDOWN_SECONDS = 5.0
_log = logging.getLogger("flask_lakeflow_jobs")


class PlainTextSerializer(BaseSerializer):
    """Text as it is, in place of the pickles that cachelib writes by default, and never reads one.

    Numbers are those by which the file cache counts its files.
    """

    def dumps(self, value: str | int, protocol: int = 0) -> bytes:
        return str(value).encode()

    def loads(self, bvalue: bytes | None) -> str | int | None:
        try:
            text = "" if bvalue is None else bvalue.decode()
        except UnicodeDecodeError:  # a pickle of somebody else's
            return None
        return int(text) if text.isdecimal() else text or None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> str | int | None:
        return self.loads(f.read())


class SharedCache:
    """A store that may forget, and whose failing costs freshness only.

    :param backend: a Flask-Caching backend.
    :param monotonic: the time.
    :param scope: whose it is; what is put there under another one is not found.
    """

    def __init__(
        self, backend: Any, monotonic: Callable[[], float] = time.monotonic, *, namespace: str = ""
    ) -> None:
        self._backend = backend
        self._monotonic = monotonic
        self._prefix = f"{KEY_PREFIX}{namespace}:" if namespace else KEY_PREFIX
        self._failing = False
        self._rests_until = -math.inf

    @classmethod
    def from_config(
        cls, app: Flask, config: Mapping[str, Any], cache: Cache | None, *, namespace: str = ""
    ) -> SharedCache:
        """The store of an app.

        :param app: the app.
        :param config: a Flask-Caching configuration.
        :param cache: the host's own cache, used in place of one of that configuration.
        :param scope: whose it is, where several apps share one cache.
        :raises ConfigurationError: Flask-Caching makes no cache of that configuration.
        """
        if cache is None:
            cache = Cache(with_jinja2_ext=False)  # templates keep the cache of the host's own
            try:
                cache.init_app(app, config=_with_timeouts(config))
            except Exception as error:
                raise ConfigurationError(_why_none(error)) from error
        elif cache not in app.extensions.get("cache", {}):
            cache.init_app(app)
        backend = copy.copy(app.extensions["cache"][cache])  # the host's keeps its serializer
        if hasattr(backend, "serializer"):
            backend.serializer = PlainTextSerializer()
        return cls(backend, namespace=namespace)

    @property
    def is_cross_process(self) -> bool:
        """Whether other processes see what this one puts there, if it works."""
        return type(self._backend).__name__ not in PROCESS_ONLY

    @property
    def is_failing(self) -> bool:
        """Whether it did not work the last time, so that each process stands alone."""
        return self._failing

    def get(self, key: str) -> Any:
        """What was put there, or ``None``.

        :param key: its name.
        """
        stored = self._try("get", key)
        try:
            entry = json.loads(stored) if isinstance(stored, str) else None
        except ValueError:
            return None
        if not isinstance(entry, dict) or entry.get("version") != ENTRY_VERSION:
            return None
        return entry.get("value")

    def set(self, key: str, value: Any, seconds: float, *, max_chars: int | None = None) -> None:
        """Keep a value for a while.

        :param key: its name.
        :param value: anything that JSON can hold.
        :param seconds: how long.
        :param at_most: characters of JSON above which it is not kept.
        """
        entry = _entry(value)
        if seconds > 0 and (max_chars is None or len(entry) <= max_chars):
            self._try("set", key, entry, timeout=max(1, round(seconds)))

    def add(self, key: str, value: Any, seconds: float) -> bool:
        """Keep a value unless there is one: of several processes, one wins.

        :param key: its name.
        :param value: anything that JSON can hold.
        :param seconds: how long.
        :return: whether it was kept; with a failing backend it always is.
        """
        if self._add(key, value, seconds):
            return True
        if self.get(key) is not None:
            return False
        self.delete(key)  # some backends take what has expired for what is there
        return self._add(key, value, seconds)

    def _add(self, key: str, value: Any, seconds: float) -> bool:
        return self._try("add", key, _entry(value), timeout=max(1, round(seconds))) is not False

    def delete(self, key: str) -> None:
        """Drop a value.

        :param key: its name.
        """
        self._try("delete", key)

    def _try(self, method: str, key: str, *args: Any, **kwargs: Any) -> Any:
        began = self._monotonic()
        if began < self._rests_until:
            return None
        try:
            result = getattr(self._backend, method)(self._prefix + key, *args, **kwargs)
        except Exception as error:
            if not self._failing:
                _log.warning("The shared cache fails, so each process stands alone: %s", error)
            self._failing = True
            if self._monotonic() - began > SLOW_FAILURE_SECONDS:
                self._rests_until = self._monotonic() + COOLDOWN_SECONDS
            return None
        if self._failing:
            _log.warning("The shared cache is back.")
        self._failing = False
        return result


def _with_timeouts(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Flask-Caching configuration, with timeouts where it is one of a Redis server."""
    if "redis" not in str(config.get("CACHE_TYPE")).lower():
        return dict(config)
    timeouts = {
        "socket_timeout": REDIS_TIMEOUT_SECONDS,
        "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
    }
    return {**config, "CACHE_OPTIONS": {**timeouts, **(config.get("CACHE_OPTIONS") or {})}}


def _why_none(error: Exception) -> str:
    """Why Flask-Caching has made no cache."""
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and cause.name == "redis":
        return f"{CACHE.name} needs redis: pip install 'flask-lakeflow-jobs[redis]'."
    first_line = next(iter(str(error).splitlines()), type(error).__name__)
    return f"{CACHE.name} is no Flask-Caching configuration: {first_line}"


def _entry(value: Any) -> str:
    return json.dumps({"version": ENTRY_VERSION, "value": value}, separators=(",", ":"))


#: What else the SDK reads that says where it calls, and as whom.
#: Source: databricks-sdk, ``Config``.
OTHER_KEYS = (
    "DATABRICKS_ACCOUNT_ID",
    "DATABRICKS_WORKSPACE_ID",
    "DATABRICKS_USERNAME",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_CREDENTIALS",
)


def cache_namespace(sources: SettingsReader, bundle: Path | None, instance: Path) -> str:
    """A name for the workspace and as whom the app acts there, the same in all its processes.

    It gives nothing away of the credentials that it is made of.

    :param sources: the app's config and the environment.
    :param bundle: what runs on the local workspace; ``None``: a real one is used.
    :param instance: the app's instance folder, where the local workspace lives.
    """
    if bundle is not None:
        return _digest([str(bundle), str(instance)])
    said = {key: str(sources.get(key)) for key in (*SDK_KEYS, *OTHER_KEYS) if sources.get(key)}
    if "DATABRICKS_HOST" not in said:
        profiles = Path(said.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
        said["profiles"] = profiles.read_text(errors="replace") if profiles.is_file() else ""
    return _digest(said)


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
