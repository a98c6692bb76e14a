"""Memory for results that are computed again and again, bounded by size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from .concurrency import run_in_each_process

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Values by key, the least recently used of which are dropped.

    :param max_size: of all values together, in the unit of the sizes that :meth:`put` gets.
    :param max_entry_size: larger values are not kept; ``None``: a quarter of ``max_size``, so that
        no value drives out all others.
    """

    def __init__(self, max_size: int, max_entry_size: int | None = None) -> None:
        self._max_size = max_size
        self._max_entry_size = max_size // 4 if max_entry_size is None else max_entry_size
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._size = 0

    def get(self, key: K) -> V | None:
        """Return the value of a key, or ``None``."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:  # noqa: SIM105  # it is called for every request
            self._entries.move_to_end(key)
        except KeyError:  # another thread has dropped it meanwhile
            pass
        return entry[0]

    def put(self, key: K, value: V, size: int = 1) -> None:
        """Keep a value in place of an earlier one. If it is too large, only drop that one."""
        with self._lock:
            if key in self._entries:
                self._size -= self._entries.pop(key)[1]
            if size > self._max_entry_size:
                return
            self._entries[key] = (value, size)
            self._size += size
            while self._size > self._max_size:
                _, (_, oldest_size) = self._entries.popitem(last=False)
                self._size -= oldest_size
