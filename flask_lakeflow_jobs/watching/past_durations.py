"""Durations of the phases of a job's past runs, remembered per job and identity."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import LakeflowJobsError
from ..memo import Memo
from ..runs.outcome import has_ended
from ..runs.phases import MAX_TASKS, Phase, PhaseDurations, ended_phases

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..concurrency import Spawn
    from ..sdk_types import BaseRun, Run
    from .watched_run import RunKey

HISTORY_TTL_SECONDS = 600.0

#: The delay until the next attempt after a failed read.
HISTORY_RETRY_SECONDS = 30.0

#: How many durations of a phase count, and how many phases of a job: those of its tasks, the queue
#: and the whole run.
MAX_DURATIONS = 50
MAX_PHASES = 2 * MAX_TASKS + 2

#: How many jobs are remembered, one for each identity.
MAX_JOBS = 1_000

#: Version of the format in the shared cache. Each version has entries of its own.
FORMAT_VERSION = 2


class JobHistory(NamedTuple):
    """The past runs of one job, as far as a process knows them.

    :param expiry: when they are read again, by the monotonic clock.
    """

    expiry: float
    durations: PhaseDurations


NOT_READ = JobHistory(0.0, {})


class History:
    """The durations of past runs and of their phases, in seconds.

    :param read_ended_runs: lists past runs of the job of a run, newest first.
    :param spawn: runs a read in the background.
    """

    def __init__(
        self,
        read_ended_runs: Callable[[RunKey], list[BaseRun]],
        cache: SharedCache,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._read_ended_runs = read_ended_runs
        self._cache = cache
        self._clock = clock
        self._spawn = spawn
        self._lock = threading.Lock()
        self._by_group: Memo[str, JobHistory] = Memo(MAX_JOBS)

    def durations(self, run_key: RunKey) -> PhaseDurations:
        """Return the durations of past runs of the job; empty until they have been read."""
        with self._lock:
            return self._get(run_key.group).durations

    def start_refresh(self, run_key: RunKey) -> threading.Event:
        """Read the durations in the background if they have expired.

        :return: set when the durations are up to date, or as far as they can be.
        """
        refreshed = threading.Event()

        def refresh() -> None:
            try:
                self._refresh(run_key)
            finally:
                refreshed.set()

        if self._claim_refresh(run_key.group):
            self._spawn(refresh)
        else:
            refreshed.set()
        return refreshed

    def add(self, run_key: RunKey, run: Run) -> None:
        """Add the durations of a run that was watched until its end."""
        if not has_ended(run):
            return
        with self._lock:
            expiry, durations = self._get(run_key.group)
            if expiry:  # otherwise the next refresh reads this run too
                self._store(run_key.group, expiry, add_phases(durations, ended_phases(run)))

    def _get(self, group: str) -> JobHistory:
        return self._by_group.get(group) or NOT_READ

    def _store(self, group: str, expiry: float, durations: PhaseDurations) -> None:
        self._by_group.put(group, JobHistory(expiry, durations))

    def _claim_refresh(self, group: str) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            expiry, durations = self._get(group)
            if now < expiry:
                return False
            self._store(group, now + HISTORY_RETRY_SECONDS, durations)
            return True

    def _refresh(self, run_key: RunKey) -> None:
        cache_key = f"history:{FORMAT_VERSION}:{run_key.group}"
        durations = _parse_durations(self._cache.get(cache_key))
        if durations is None:
            try:
                durations = phase_durations(reversed(self._read_ended_runs(run_key)))
            except LakeflowJobsError:
                return
            self._cache.set(cache_key, durations, HISTORY_TTL_SECONDS)
        expiry = self._clock.monotonic() + HISTORY_TTL_SECONDS
        with self._lock:
            self._store(run_key.group, expiry, durations)


def phase_durations(runs: Iterable[Run | BaseRun]) -> dict[str, list[float]]:
    """Return the seconds that the phases of some runs took.

    :param runs: in the order of their starts.
    """
    return add_phases({}, chain.from_iterable(map(ended_phases, runs)))


def add_phases(durations: PhaseDurations, phases: Iterable[Phase]) -> dict[str, list[float]]:
    """Return durations and those of more phases. Only the newest of each phase are kept."""
    added = {name: list(seconds) for name, seconds in durations.items()}
    for name, seconds in phases:
        if name in added or len(added) < MAX_PHASES:
            added[name] = [*added.get(name, []), seconds][-MAX_DURATIONS:]
    return added


def _parse_durations(stored: Any) -> dict[str, list[float]] | None:
    if isinstance(stored, dict) and all(map(_are_durations, stored.values())):
        return stored
    return None


def _are_durations(stored: Any) -> bool:
    return isinstance(stored, list) and all(
        isinstance(item, int | float) and 0 <= item < math.inf for item in stored
    )
