"""A cache of responses, which the processes of an app share."""

from __future__ import annotations

import marshal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..concurrency import run_in_each_process
from ..errors import LakeflowJobsError
from .response_store import (
    RETENTION_SECONDS,
    CacheKey,
    Entry,
    Generation,
    ProcessStore,
    SharedStore,
    Texts,
)

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..config.jobs import Job

#: How long a response that may change at any moment is fresh. Simultaneous readers share it.
ACTIVE_TTL_SECONDS = 1.0

#: The same for ``AFTER_WRITE_SECONDS`` after a write, while the workspace carries it out.
AFTER_WRITE_TTL_SECONDS = 0.25
AFTER_WRITE_SECONDS = 10.0


class CachedResponse(NamedTuple):
    """A response as JSON. Other readers may have the same ``value``: do not change it.

    :param age: seconds since it was read from the workspace.
    :param is_stale: it is past its time to live, and served because the workspace does not respond.
    :param texts: what readers made of the response. It is kept as long as the response; ``None`` if
        the response did not come from the cache.
    """

    value: Any
    age: float = 0.0
    is_stale: bool = False
    texts: Texts | None = None

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


class BegunRead(NamedTuple):
    """The generation of a job and the time before a request is sent.

    :param at: a response may be older than its arrival, but not than its request.
    """

    generation: Generation
    at: float


#: A cache key, its generation, and the number of writes in this process.
InFlightRead: TypeAlias = tuple[str, str, int]


class ReadCache:
    """A cache of responses.

    Simultaneous reads of one key send one request. Each write begins a new generation of its job;
    a response is served only to reads of its own generation, so never after a later write.

    :param final_ttl: seconds that a response that no longer changes is fresh.
    """

    def __init__(self, shared: SharedCache, clock: Clock, *, final_ttl: float) -> None:
        self._store = ProcessStore() if shared.is_process_memory else SharedStore(shared)
        # Processes have no other common clock. Within one, a step of the clock changes no age.
        self._now = clock.monotonic if shared.is_process_memory else clock.now
        self._final_ttl = final_ttl
        run_in_each_process(self._reset)

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
        generation, entry = self._store.get(key)
        now = self._now()
        age = 0.0
        if entry is not None:
            age = now - entry.at
            if entry.generation != generation.id or age > RETENTION_SECONDS:
                entry = None
            elif 0 <= age < entry.lifetime or (
                age >= 0 and entry.lifetime >= ACTIVE_TTL_SECONDS and accepts(entry.value, age)
            ):
                return CachedResponse(entry.value, age, texts=entry.texts)
        try:
            return self._fetch_once(key, BegunRead(generation, now), fetch, is_final)
        except LakeflowJobsError as error:
            if entry is None or not stale_if_error or not error.retryable:
                raise
            return CachedResponse(entry.value, max(0.0, age), is_stale=True)

    def begin_read(self, job: Job) -> BegunRead:
        """Return the generation and the time for :meth:`store`, before the request is sent."""
        return BegunRead(self._store.get_generation(job), self._now())

    def store(self, key: CacheKey, begun: BegunRead, value: Any, *, is_final: bool) -> None:
        """Store a response.

        :param value: the response, as JSON.
        :param is_final: the response no longer changes.
        """
        generation, at = begun
        # A write may come from a process with another clock, or from before the clock was put back.
        is_after_write = abs(at - generation.at) < AFTER_WRITE_SECONDS
        active_ttl = AFTER_WRITE_TTL_SECONDS if is_after_write else ACTIVE_TTL_SECONDS
        ttl = self._final_ttl if is_final else min(active_ttl, self._final_ttl)
        if ttl > 0:
            self._store.put(key, Entry(generation.id, at, ttl, value))

    def invalidate(self, job: Job) -> None:
        """Begin a new generation of a job, so that earlier responses are no longer served."""
        with self._lock:
            self._writes[job.job_id] += 1
        self._store.set_generation(job, Generation(uuid.uuid4().hex, self._now()))

    def _fetch_once(
        self,
        key: CacheKey,
        begun: BegunRead,
        fetch: Callable[[], Any],
        is_final: Callable[[Any], bool],
    ) -> CachedResponse:
        """Fetch a response, or wait for the one that another thread fetches."""
        future: Future[CachedResponse] = Future()
        try:
            while (leader := self._get_leader(key, begun, future)) is not future:
                with suppress(CancelledError):
                    return leader.result()
            value = fetch()
            self.store(key, begun, value, is_final=is_final(value))
            response = CachedResponse(value)
            self._release(future)
            future.set_result(response)
        except LakeflowJobsError as error:
            self._release(future)
            future.set_exception(error)
            raise
        except BaseException:  # concerns this thread alone: the waiting ones fetch for themselves
            self._release(future)
            future.cancel()
            raise
        return response

    def _get_leader(
        self, key: CacheKey, begun: BegunRead, future: Future[CachedResponse]
    ) -> Future[CachedResponse]:
        """Return the future of the thread that fetches a response: the given one if none does."""
        with self._lock:
            read = (key.key, begun.generation.id, self._writes[key.job.job_id])
            return self._in_flight.setdefault(read, future)

    def _release(self, future: Future[CachedResponse]) -> None:
        with self._lock:
            for read in [read for read, known in self._in_flight.items() if known is future]:
                del self._in_flight[read]
