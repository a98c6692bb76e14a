"""Reads through what is known already: never stale, and equal ones at one moment are one."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..concurrency import call_in_forked_children
from ..errors import LakeflowJobsError

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..config.jobs import Job
    from ..identity import Identity

#: Seconds that an answer which may change at any moment serves others; it is there to make many
#: reads one, not to save reads.
ACTIVE_TTL_SECONDS = 1.0

#: The same in the time after something was changed through the extension, while the workspace
#: carries it out.
AFTER_WRITE_TTL_SECONDS = 0.25

AFTER_WRITE_SECONDS = 10.0

#: Seconds that an answer is kept for the case that the workspace cannot be reached.
RETENTION_SECONDS = 3600.0

#: Bytes of JSON above which an answer is not kept: logs can have megabytes.
MAX_RESPONSE_BYTES = 1_000_000


class ETag(NamedTuple):
    """Names an answer that is kept: what comes with the same entity tag is the same.

    :param cache_key: what it answers, and to whom.
    :param generation: since the last change that it is known to come after.
    :param cached_at: when it came, in seconds since the epoch.
    """

    cache_key: str
    generation: str
    cached_at: float


@dataclass(frozen=True)
class CachedResponse:
    """An answer of the workspace, as JSON, and how old it is.

    :param value: the answer.
    :param age: seconds.
    :param is_stale: whether it is shown only because the workspace cannot be reached.
    :param etag: names it, if it was kept.
    """

    value: Any
    age: float = 0.0
    is_stale: bool = False
    etag: ETag | None = None


#: Names the time since a change, and says when that was.
Generation: TypeAlias = dict[str, Any]

#: What is being asked, and after which changes: as the store knows them, and this process.
InFlightRead: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True)
class CacheKey:
    """What is read, and as whom; answers to one identity are shown to no other.

    :param identity: the app or a user.
    :param job: the job it is about.
    :param what: the rest, e.g. ``run:12``.
    """

    identity: Identity
    job: Job
    what: str

    @property
    def key(self) -> str:
        return f"read:{self.identity.key}:{self.job.job_id}:{self.what}"


class ReadCache:
    """The answers that the processes of an app share.

    :param shared: the store.
    :param clock: the time.
    :param settled_for: seconds that an answer which will not change may be served.
    """

    def __init__(self, shared: SharedCache, clock: Clock, *, settled_for: float) -> None:
        self._shared = shared
        self._clock = clock
        self._settled_for = settled_for
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[InFlightRead, Future[CachedResponse]] = {}
        self._changes: Counter[int] = Counter()

    def read(
        self,
        question: CacheKey,
        ask: Callable[[], Any],
        is_settled: Callable[[Any], bool],
        *,
        stale_if_error: bool = False,
    ) -> CachedResponse:
        """The answer to a question: a kept one that is fresh, else a new one.

        :param question: it.
        :param ask: reads the answer upstream, as JSON.
        :param is_settled: whether an answer will not change any more.
        :param or_stale: whether an old answer is better than none, as long as it is marked.
        :raises LakeflowJobsError: the read failed; the next one tries again.
        """
        generation = self.generation(question.job)
        kept = self._shared.get(question.key)
        if not isinstance(kept, dict) or kept["generation"] != generation["id"]:
            kept = None
        now = self._clock.now()
        if kept is not None and 0 <= now - kept["at"] < kept["lifetime"]:
            etag = ETag(question.key, kept["generation"], kept["at"])
            return CachedResponse(kept["value"], now - kept["at"], etag=etag)
        try:
            return self._ask_once(question, generation, ask, is_settled)
        except LakeflowJobsError as error:
            if kept is None or not stale_if_error or not error.retryable:
                raise
            return CachedResponse(kept["value"], max(0.0, now - kept["at"]), is_stale=True)

    def store(
        self, question: CacheKey, generation: Generation, value: Any, *, settled: bool
    ) -> None:
        """Keep an answer that somebody else has got.

        :param question: what it answers.
        :param generation: as it was before the question was asked.
        :param value: the answer, as JSON.
        :param settled: whether it will not change any more.
        """
        self._keep(question, generation, value, settled=settled)

    def invalidate(self, job: Job) -> None:
        """Serve nothing that was read before now: something was changed.

        :param job: with which job.
        """
        with self._lock:
            self._changes[job.job_id] += 1
        generation = {"id": uuid.uuid4().hex, "at": self._clock.now()}
        self._shared.set(f"generation:{job.job_id}", generation, RETENTION_SECONDS)

    def generation(self, job: Job) -> Generation:
        """What is asked from now on comes after the last change that is known of.

        :param job: what is asked about.
        """
        generation = self._shared.get(f"generation:{job.job_id}")
        return generation if isinstance(generation, dict) else {"id": "", "at": 0.0}

    def _ask_once(
        self,
        question: CacheKey,
        generation: Generation,
        ask: Callable[[], Any],
        is_settled: Callable[[Any], bool],
    ) -> CachedResponse:
        """Ask, or wait for the answer that another thread is asking for."""
        while True:
            with self._lock:
                flight = (question.key, generation["id"], self._changes[question.job.job_id])
                others = self._under_way.get(flight)
                if others is None:
                    mine = self._under_way[flight] = Future()
                    break
            try:
                return others.result()
            except CancelledError:
                continue
        try:
            value = ask()
            self._keep(question, generation, value, settled=is_settled(value))
        except LakeflowJobsError as error:
            self._land(flight)
            mine.set_exception(error)
            raise
        except BaseException:  # of whoever asks, and none of those who wait: they ask anew
            self._land(flight)
            mine.cancel()
            raise
        self._land(flight)
        mine.set_result(CachedResponse(value))
        return CachedResponse(value)

    def _land(self, flight: InFlightRead) -> None:
        with self._lock:
            self._under_way.pop(flight, None)

    def _keep(
        self, question: CacheKey, generation: Generation, value: Any, *, settled: bool
    ) -> None:
        now = self._clock.now()
        going = (
            AFTER_WRITE_TTL_SECONDS
            if now - generation["at"] < AFTER_WRITE_SECONDS
            else ACTIVE_TTL_SECONDS
        )
        lifetime = self._settled_for if settled else min(going, self._settled_for)
        entry = {"generation": generation["id"], "at": now, "lifetime": lifetime, "value": value}
        if lifetime > 0:
            self._shared.set(question.key, entry, RETENTION_SECONDS, max_chars=MAX_RESPONSE_BYTES)
