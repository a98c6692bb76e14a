"""The cache that the processes of an app share, over Flask-Caching."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from cachelib import BaseCache

from ..clock import Clock, SystemClock
from ..concurrency import run_in_each_process
from ..memo import Memo
from .availability import Availability

KEY_PREFIX = "lakeflow-jobs:"

#: Characters of the entries that a process keeps parsed, which take about six times as many bytes.
MAX_PARSED_CHARS = 4_000_000

#: Flask-Caching backends whose entries no other process sees.
PROCESS_ONLY_BACKENDS = frozenset({"NullCache", "SimpleCache"})

#: Backends whose entries are on several servers, so that one command cannot read many of them.
SHARDED_BACKENDS = frozenset({"RedisClusterCache", "UnconnectedCluster"})

#: Version of the format of entries. Entries of another version are ignored.
ENTRY_VERSION = 2

_ENTRY = re.compile(
    rf'\{{"version":{ENTRY_VERSION},"signature":"([0-9a-f]{{32}})","value":(.*)\}}', re.DOTALL
)

_log = logging.getLogger("flask_lakeflow_jobs")


class EntryFormat:
    """Writes entries, and reads those that an app with the same secret wrote under the same key.

    Readers rely on the shape of values. So an entry that something else wrote or damaged counts as
    missing.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def dump(self, key: str, value: Any) -> str:
        """Return the entry of a value.

        :param value: anything that JSON can represent.
        """
        text = json.dumps(value, separators=(",", ":"))
        signature = self._sign(key, text)
        return f'{{"version":{ENTRY_VERSION},"signature":"{signature}","value":{text}}}'

    def parse(self, key: str, stored: Any) -> Any:
        """Return the value of an entry; ``None`` if it is no entry of this key."""
        entry = _ENTRY.fullmatch(stored) if isinstance(stored, str) else None
        if entry is None or not hmac.compare_digest(entry[1], self._sign(key, entry[2])):
            return None
        return json.loads(entry[2])

    def _sign(self, key: str, text: str) -> str:
        signed = f"{key}\n{text}".encode(errors="replace")
        return hashlib.blake2b(signed, digest_size=16, key=self._secret).hexdigest()


class SharedCache:
    """A cache of JSON values that never raises if its backend fails.

    Entries may disappear at any time. While the backend fails or is slow, each process works by
    itself, which costs freshness only.

    :param backend: of :func:`.create_backend`.
    :param namespace: entries of another namespace are not found.
    :param secret: entries that were written without it are ignored.
    """

    def __init__(
        self,
        backend: BaseCache,
        clock: Clock | None = None,
        *,
        namespace: str = "",
        secret: str = "",
    ) -> None:
        self._backend = backend
        self._clock = clock or SystemClock()
        self._prefix = f"{KEY_PREFIX}{namespace}:" if namespace else KEY_PREFIX
        self._entries = EntryFormat(secret)
        run_in_each_process(self._reset)
        self._get_many = self._many("get_many")
        self._parsed: Memo[str, tuple[str, Any]] = Memo(MAX_PARSED_CHARS)

    def _reset(self) -> None:
        self._availability = Availability()  # accesses of a forked process's parent never end here

    @property
    def is_cross_process(self) -> bool:
        """Return whether other processes see the entries of this one."""
        return type(self._backend).__name__ not in PROCESS_ONLY_BACKENDS

    @property
    def is_process_memory(self) -> bool:
        """Return whether entries are kept, but in the memory of this process only."""
        return type(self._backend).__name__ == "SimpleCache"

    @property
    def is_failing(self) -> bool:
        """Return whether the backend fails or is slow."""
        return self._availability.is_failing

    def get(self, key: str) -> Any:
        """Return a value, or ``None`` if there is none."""
        stored = self._access("read", self._backend.get, self._prefix + key)
        return self._entries.parse(key, stored)

    def get_parsed(self, *keys: str) -> list[Any]:
        """Return the values of several keys in one round trip, each parsed once for all readers.

        Do not change them: other readers have the same objects.
        """
        return self._read_many(keys, self._parse_once)

    def _parse_once(self, key: str, stored: Any) -> Any:
        if not isinstance(stored, str):
            return None
        kept = self._parsed.get(key)
        if kept is not None and kept[0] == stored:
            return kept[1]
        value = self._entries.parse(key, stored)
        self._parsed.put(key, (stored, value), len(stored))
        return value

    def get_many(self, keys: Sequence[str]) -> list[Any]:
        """Return the values of several keys in one round trip; ``None`` where there is none."""
        return self._read_many(keys, self._entries.parse) if keys else []

    def _read_many(self, keys: Sequence[str], parse: Callable[[str, Any], Any]) -> list[Any]:
        prefixed = [self._prefix + key for key in keys]
        stored = self._access("read", self._get_many, *prefixed) or [None] * len(keys)
        return [parse(key, entry) for key, entry in zip(keys, stored, strict=False)]

    def set(self, key: str, value: Any, seconds: float, *, max_chars: int | None = None) -> int:
        """Store a value, and return the characters that it takes; 0 if it is not stored.

        :param value: anything that JSON can represent.
        :param seconds: how long to keep it.
        :param max_chars: a value whose JSON is longer is not stored.
        """
        entry = self._entries.dump(key, value)
        if seconds <= 0 or (max_chars is not None and len(entry) > max_chars):
            return 0
        is_stored = self._access("write", self._set, self._prefix + key, entry, _timeout(seconds))
        return len(entry) if is_stored else 0

    def set_many(self, values: Mapping[str, Any], seconds: float) -> None:
        """Store several values in one round trip, as with :meth:`set`."""
        if values:
            entries = {
                self._prefix + key: self._entries.dump(key, value) for key, value in values.items()
            }
            self._access("write", self._many("set_many"), entries, _timeout(seconds))

    def _set(self, key: str, entry: str, seconds: int) -> bool:
        if self._backend.set(key, entry, seconds) is False:  # that of files, on a full disk
            raise OSError("It does not store entries. Is the disk full?")
        return True

    def add(self, key: str, value: Any, seconds: float) -> bool:
        """Store a value if there is none. If several processes try, exactly one succeeds.

        A backend that fails or stores nothing lets all of them succeed: each works by itself.

        :param value: anything that JSON can represent.
        :param seconds: how long to keep it.
        :return: whether this process may act as the one that stored it.
        """
        if self._add(key, value, seconds):
            return True
        if self.get(key) is not None:
            return False
        self.delete(key)  # some backends refuse to add if an expired entry exists
        return self._add(key, value, seconds) or self.get(key) is None

    def _add(self, key: str, value: Any, seconds: float) -> bool:
        entry = self._entries.dump(key, value)
        stored = self._access(
            "write", self._backend.add, self._prefix + key, entry, _timeout(seconds)
        )
        return stored is not False

    def delete(self, *keys: str) -> None:
        """Delete the values of some keys, if there are any."""
        if keys:
            prefixed = [self._prefix + key for key in keys]
            self._access("write", self._many("delete_many"), *prefixed)

    def _many(self, method: str) -> Callable[..., Any]:
        """Return a method for many keys. That of the base class makes one access per key."""
        if type(self._backend).__name__ in SHARDED_BACKENDS:
            return partial(getattr(BaseCache, method), self._backend)
        return cast("Callable[..., Any]", getattr(self._backend, method))

    def _access(self, kind: str, call: Callable[..., Any], *args: Any) -> Any:
        """Access the backend, unless it is suspended.

        :return: ``None`` if it fails.
        """
        began = self._clock.monotonic()
        if self._availability.is_suspended(began):
            return None
        current = self._availability.current
        if current and (hanging := self._availability.hanging_seconds(began)):
            self._record(kind, hanging, began, TimeoutError("It does not respond."))
            return None
        result, error, access = None, None, object()
        current[access] = began
        try:
            result = call(*args)
        except Exception as raised:
            error = raised
        finally:
            del current[access]
        now = self._clock.monotonic()
        self._record(kind, now - began, now, error)
        return result

    def _record(self, kind: str, elapsed: float, now: float, error: Exception | None) -> None:
        if not self._availability.record(kind, elapsed, now, failed=error is not None):
            return
        if not self.is_failing:
            _log.warning("The shared cache is available again.")
            return
        reason = error or f"it took {elapsed:.1f} s to respond"
        _log.warning("The shared cache is unavailable. Each process works by itself: %s", reason)


def _timeout(seconds: float) -> int:
    return max(1, round(seconds))


def hash_json(value: object, default: Callable[[Any], Any] | None = None) -> str:
    """Return 64 hexadecimal digits that are the same for equal values in every process.

    :param default: converts what JSON cannot represent.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=default).encode()).hexdigest()
