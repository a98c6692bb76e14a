"""Storage of responses: the memory of one process, or a cache that processes share."""

from __future__ import annotations

import marshal
import math
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..memo import Memo

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..config.jobs import Job
    from ..identity import Identity

#: How long a response is stored, to be served stale if the workspace does not respond.
RETENTION_SECONDS = 3600.0

#: How long the processes know the last write to a job.
GENERATION_SECONDS = 24 * 3600.0

#: Larger responses are not stored: logs can have megabytes.
MAX_RESPONSE_CHARS = 1_000_000

#: Characters of all responses in the memory of a process. They take up to six times as many bytes.
MAX_PROCESS_CHARS = 12_000_000

#: Added to the characters of each response, for what is kept with them.
ENTRY_CHARS = 1_000

#: Where a parsed entry keeps the texts that were made of it. No key of JSON equals it.
TEXTS: Any = object()

Texts = dict[tuple[str, str], str]


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


class Generation(NamedTuple):
    """The last write to a job. Responses of an earlier generation are not served.

    :param at: by the clock of the :class:`.ReadCache`.
    """

    id: str
    at: float


#: In place of one that is not known.
FIRST = Generation("", -math.inf)


@dataclass(frozen=True)
class Entry:
    """A stored response.

    :param generation: the id of the job's generation when the response was requested.
    :param at: when it was requested.
    :param lifetime: seconds for which it is fresh.
    :param texts: what readers made of it.
    """

    generation: str
    at: float
    lifetime: float
    value: Any
    texts: Texts = field(default_factory=dict)


class ProcessStore:
    """Keeps responses in the memory of this process, ready to be read."""

    def __init__(self) -> None:
        self._entries: Memo[str, Entry] = Memo(MAX_PROCESS_CHARS, MAX_RESPONSE_CHARS)
        self._generations: dict[int, Generation] = {}

    def get(self, key: CacheKey) -> tuple[Generation, Entry | None]:
        """Return the generation of the job of a key, and the response, if there is one."""
        return self._generations.get(key.job.job_id, FIRST), self._entries.get(key.key)

    def put(self, key: CacheKey, entry: Entry) -> None:
        """Keep a response, unless it is too large."""
        last = self._entries.get(key.key)
        if last is not None and last.generation == entry.generation and last.at > entry.at:
            return  # that response was requested later, and arrived earlier
        copied = marshal.dumps(entry.value)  # the caller may change the original
        kept = replace(entry, value=marshal.loads(copied))  # noqa: S302
        self._entries.put(key.key, kept, len(copied) + ENTRY_CHARS)

    def get_generation(self, job: Job) -> Generation:
        return self._generations.get(job.job_id, FIRST)

    def set_generation(self, job: Job, generation: Generation) -> None:
        self._generations[job.job_id] = generation


class SharedStore:
    """Keeps responses in a cache that the processes of an app share."""

    def __init__(self, shared: SharedCache) -> None:
        self._shared = shared
        # Of writes during an outage, after which the cache still has responses from before them. No
        # response is stored under these.
        self._unstored: dict[int, Generation] = {}

    def get(self, key: CacheKey) -> tuple[Generation, Entry | None]:
        stored, entry = self._shared.get_parsed(_generation_key(key.job), key.key)
        return self._choose_generation(key.job, stored), _parse_entry(entry)

    def put(self, key: CacheKey, entry: Entry) -> None:
        unstored = self._unstored.get(key.job.job_id)
        if unstored is not None and unstored.id == entry.generation:
            return
        generation = entry.generation or self._begin_generation(key.job)
        if generation is None:
            return
        stored = {
            "generation": generation,
            "at": entry.at,
            "lifetime": entry.lifetime,
            "value": entry.value,
        }
        self._shared.set(key.key, stored, RETENTION_SECONDS, max_chars=MAX_RESPONSE_CHARS)

    def get_generation(self, job: Job) -> Generation:
        return self._choose_generation(job, self._shared.get(_generation_key(job)))

    def _choose_generation(self, job: Job, stored: Any) -> Generation:
        """Return the generation of a job, and store one if that was not possible at a write."""
        unstored = self._unstored.get(job.job_id)
        if unstored is None:
            return _parse_generation(stored)
        # Not the same one: another process may have begun a later one since.
        new = unstored._replace(id=uuid.uuid4().hex)
        if not self._store_generation(job, new):
            return unstored
        if self._unstored.get(job.job_id) is unstored:
            self._unstored.pop(job.job_id, None)
        return new

    def set_generation(self, job: Job, generation: Generation) -> None:
        if self._store_generation(job, generation):
            self._unstored.pop(job.job_id, None)
        else:
            self._unstored[job.job_id] = generation

    def _store_generation(self, job: Job, generation: Generation) -> bool:
        key = _generation_key(job)
        if self._shared.set(key, generation._asdict(), GENERATION_SECONDS):
            return True
        self._shared.delete(key)  # a full cache still deletes: then no process serves any
        return False

    def _begin_generation(self, job: Job) -> str | None:
        """Begin the first generation of a job, and return its id; ``None`` if there is one by now.

        Without an id of its own, its responses would be served again when a full cache drops the
        last generation.
        """
        first = Generation(uuid.uuid4().hex, 0.0)
        if self._shared.add(_generation_key(job), first._asdict(), GENERATION_SECONDS):
            return first.id
        if self.get_generation(job) == FIRST:  # the entry has another shape
            self._shared.delete(_generation_key(job))
        return None


def _generation_key(job: Job) -> str:
    return f"generation:{job.job_id}"


def _parse_generation(stored: Any) -> Generation:
    """Read the generation of a job; the first one if there is none, or of another shape."""
    match stored:
        case {"id": str(id), "at": int() | float() as at}:
            return Generation(id, at)
    return FIRST


def _parse_entry(stored: Any) -> Entry | None:
    """Read an entry of the shared cache; ``None`` if it has another shape."""
    match stored:
        case {
            "generation": str(generation),
            "at": int() | float() as at,
            "lifetime": int() | float() as lifetime,
            "value": value,
        }:
            return Entry(generation, at, lifetime, value, stored.setdefault(TEXTS, {}))
    return None
