"""A cache of responses, which the processes of an app share."""

from __future__ import annotations

import marshal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from ..concurrency import reset_in_new_processes
from ..errors import LakeflowJobsError
from ..memo import Memo

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..config.jobs import Job
    from ..identity import Identity

#: How long a response that may change at any moment is fresh. Simultaneous readers share it.
ACTIVE_TTL_SECONDS = 1.0

#: The same for ``AFTER_WRITE_SECONDS`` after a write, while the workspace carries it out.
AFTER_WRITE_TTL_SECONDS = 0.25
AFTER_WRITE_SECONDS = 10.0

#: How long a response is stored, to be served stale if the workspace does not respond.
RETENTION_SECONDS = 3600.0

#: Larger responses are not stored: logs can have megabytes.
MAX_RESPONSE_CHARS = 1_000_000

#: Characters of all responses in a cache that only this process sees. Its backend counts entries,
#: and 500 entries may be 500 MB.
MAX_PROCESS_CHARS = 32_000_000


#: Where a parsed entry keeps the texts that were made of it. No key of JSON equals it.
TEXTS: Any = object()


class CachedResponse(NamedTuple):
    """A response as JSON. Other readers may have the same ``value``: do not change it.

    :param age: seconds since it was read from the workspace.
    :param is_stale: it is past its time to live, and served because the workspace does not respond.
    :param texts: what readers made of the response, which lives as long as it is cached; ``None``
        if it did not come from the cache.
    """

    value: Any
    age: float = 0.0
    is_stale: bool = False
    texts: dict[tuple[str, str], str] | None = None

    def keep_text(self, name: tuple[str, str], make: Callable[[], str]) -> str:
        """Return a text that is made of the response, and made once while it is cached."""
        if self.texts is None:
            return make()
        text = self.texts.get(name)
        if text is None:
            text = self.texts[name] = make()
        return text

    def copy_value(self) -> Any:
        """Return the response for a caller who may change it."""
        return marshal.loads(marshal.dumps(self.value))  # noqa: S302  # the fastest copy of JSON


#: The id and the time of a job's last write.
Generation: TypeAlias = dict[str, Any]

#: A cache key, its generation, and the number of writes in this process.
InFlightRead: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True)
class CacheKey:
    """The identity, job and resource of a read. Identities share no responses.

    :param resource: e.g. ``run:12``.
    """

    identity: Identity
    job: Job
    resource: str

    @property
    def key(self) -> str:
        return f"read:{self.identity.key}:{self.job.job_id}:{self.resource}"


class ReadCache:
    """A cache of responses.

    Simultaneous reads of one key send one request. Each write begins a new generation of its job;
    a response is served only to reads of its own generation, so never after a later write.

    :param final_ttl: seconds that a response that no longer changes is fresh.
    """

    def __init__(self, shared: SharedCache, clock: Clock, *, final_ttl: float) -> None:
        self._shared = shared
        self._clock = clock
        self._final_ttl = final_ttl
        self._stored: Memo[str, None] = Memo(MAX_PROCESS_CHARS, MAX_RESPONSE_CHARS)
        self._reset()
        reset_in_new_processes(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._in_flight: dict[InFlightRead, Future[CachedResponse]] = {}
        self._writes: Counter[int] = Counter()

    def read(
        self,
        key: CacheKey,
        fetch: Callable[[], Any],
        is_final: Callable[[Any], bool],
        *,
        stale_if_error: bool = False,
        accepts: Callable[[Any, float], bool] = lambda value, age: False,
    ) -> CachedResponse:
        """Return the cached response if it is fresh, else fetch one.

        :param fetch: reads the response from the workspace, as JSON.
        :param is_final: returns whether a response no longer changes.
        :param stale_if_error: serve a stale response if the read fails with a transient error.
        :param accepts: returns whether the caller accepts a response of an age in seconds that is
            no longer fresh. Not asked about responses from right after a write.
        :raises LakeflowJobsError: the read failed; errors are not cached.
        """
        stored = self._shared.get_parsed(_generation_key(key.job), key.key)
        generation, entry = _parse_generation(stored[0]), _parse_entry(stored[1])
        if entry is not None and entry["generation"] != generation["id"]:
            entry = None
        now = self._clock.now()
        if entry is not None and (age := now - entry["at"]) >= 0:
            was_settled = entry["lifetime"] >= ACTIVE_TTL_SECONDS
            if age < entry["lifetime"] or (was_settled and accepts(entry["value"], age)):
                return CachedResponse(entry["value"], age, texts=entry.setdefault(TEXTS, {}))
        try:
            return self._fetch_once(key, generation, fetch, is_final)
        except LakeflowJobsError as error:
            if entry is None or not stale_if_error or not error.retryable:
                raise
            return CachedResponse(entry["value"], max(0.0, now - entry["at"]), is_stale=True)

    def store(self, key: CacheKey, generation: Generation, value: Any, *, is_final: bool) -> None:
        """Store a response.

        :param generation: of the job before the request was sent.
        :param value: the response, as JSON.
        :param is_final: the response no longer changes.
        """
        now = self._clock.now()
        is_after_write = now - generation["at"] < AFTER_WRITE_SECONDS
        active_ttl = AFTER_WRITE_TTL_SECONDS if is_after_write else ACTIVE_TTL_SECONDS
        ttl = self._final_ttl if is_final else min(active_ttl, self._final_ttl)
        entry = {"generation": generation["id"], "at": now, "lifetime": ttl, "value": value}
        if ttl > 0:
            size = self._shared.set(key.key, entry, RETENTION_SECONDS, max_chars=MAX_RESPONSE_CHARS)
            if not self._shared.is_cross_process:
                self._shared.delete(*self._stored.put(key.key, None, size))

    def invalidate(self, job: Job) -> None:
        """Begin a new generation of a job, so that earlier responses are no longer served."""
        with self._lock:
            self._writes[job.job_id] += 1
        generation = {"id": uuid.uuid4().hex, "at": self._clock.now()}
        self._shared.set(_generation_key(job), generation, RETENTION_SECONDS)

    def get_generation(self, job: Job) -> Generation:
        """Return the current generation of a job."""
        return _parse_generation(self._shared.get(_generation_key(job)))

    def _fetch_once(
        self,
        key: CacheKey,
        generation: Generation,
        fetch: Callable[[], Any],
        is_final: Callable[[Any], bool],
    ) -> CachedResponse:
        """Fetch a response, or wait for the one that another thread fetches."""
        while True:
            with self._lock:
                read = (key.key, generation["id"], self._writes[key.job.job_id])
                existing = self._in_flight.get(read)
                if existing is None:
                    future = self._in_flight[read] = Future()
                    break
            try:
                return existing.result()
            except CancelledError:
                continue
        try:
            value = fetch()
            self.store(key, generation, value, is_final=is_final(value))
        except LakeflowJobsError as error:
            self._release(read)
            future.set_exception(error)
            raise
        except BaseException:  # concerns this thread alone: the waiting ones fetch for themselves
            self._release(read)
            future.cancel()
            raise
        self._release(read)
        future.set_result(CachedResponse(value))
        return CachedResponse(value)

    def _release(self, read: InFlightRead) -> None:
        with self._lock:
            self._in_flight.pop(read, None)


def _generation_key(job: Job) -> str:
    return f"generation:{job.job_id}"


def _parse_generation(stored: Any) -> Generation:
    """Read the generation of a job; the first one if there is none, or of another shape."""
    match stored:
        case {"id": str(id), "at": int() | float() as at}:
            return {"id": id, "at": at}
    return {"id": "", "at": 0.0}


def _parse_entry(stored: Any) -> dict[str, Any] | None:
    """Read an entry of the shared cache; ``None`` if it has another shape."""
    match stored:
        case {
            "generation": str(),
            "at": int() | float(),
            "lifetime": int() | float(),
            "value": _,
        }:
            return cast("dict[str, Any]", stored)
    return None
