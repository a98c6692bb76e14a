"""Reads of one response through a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cachelib import SimpleCache

from flask_lakeflow_jobs import LakeflowJobsError
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.upstream.read_cache import ReadCache
from flask_lakeflow_jobs.upstream.response_store import CacheKey
from tests.clocks import FakeClock
from tests.run_documents import build_job

KEY = CacheKey(APP, build_job(), "run:1")
FINAL_TTL = 60.0


class Reads:
    """A cache, and reads of a value that changes with each request."""

    def __init__(self, *, final_ttl: float = FINAL_TTL, backend: Any = None) -> None:
        self.clock = FakeClock()
        self.shared = SharedCache(backend or SimpleCache())
        self.cache = ReadCache(self.shared, self.clock, final_ttl=final_ttl)
        self.requests = 0
        self.error: LakeflowJobsError | None = None

    def fetch(self) -> int:
        self.requests += 1
        if self.error is not None:
            raise self.error
        return self.requests

    def read(self, key: CacheKey = KEY, *, is_final: bool = False, **options: Any) -> Any:
        return self.cache.read(key, self.fetch, lambda _: is_final, **options)


class SharedMemory(SimpleCache):
    """A store that passes for one of several processes: its type is not that of one."""


class BrokenStore(SharedMemory):
    """The same, but accesses fail as ``failures`` says of the next ones."""

    failures: Sequence[bool] = ()

    def __getattribute__(self, name: str) -> Any:
        if name.split("_")[0] in ("get", "set", "add", "delete") and self.failures:
            is_failing, *self.failures = self.failures
            if is_failing:
                return _fail
        return super().__getattribute__(name)


def _fail(*_: Any, **__: Any) -> None:
    raise ConnectionError("The store is unavailable.")
