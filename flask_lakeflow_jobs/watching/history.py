"""Durations of the past runs of a job, remembered per job and identity."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import LakeflowJobsError
from ..runs.durations import duration_of
from ..runs.outcome import SUCCESSES, outcome_of

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..concurrency import Spawn
    from ..sdk_types import BaseRun, Run
    from .watched_run import RunKey

HISTORY_TTL_SECONDS = 600.0

#: The delay until the next attempt after a failed read.
HISTORY_RETRY_SECONDS = 30.0


class History:
    """The durations of successful past runs, in seconds.

    :param read_ended_runs: lists past runs of the job of a run.
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
        self._expiry_and_durations: dict[str, tuple[float, list[float]]] = {}

    def durations(self, run_key: RunKey) -> list[float]:
        """Return the sorted durations of past runs of the job; empty until they have been read."""
        with self._lock:
            return self._expiry_and_durations.get(run_key.group, (0.0, []))[1]

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
        """Add the duration of a run that was watched until its end, if it succeeded."""
        duration = duration_of(run)
        if duration is None or outcome_of(run) not in SUCCESSES:
            return
        with self._lock:
            expiry, durations = self._expiry_and_durations.get(run_key.group, (0.0, []))
            if expiry:  # otherwise the next refresh reads this run too
                self._expiry_and_durations[run_key.group] = expiry, sorted([*durations, duration])

    def _claim_refresh(self, group: str) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            expiry, durations = self._expiry_and_durations.get(group, (0.0, []))
            if now < expiry:
                return False
            self._expiry_and_durations[group] = now + HISTORY_RETRY_SECONDS, durations
            return True

    def _refresh(self, run_key: RunKey) -> None:
        cache_key = f"history:{run_key.group}"
        durations = _parse_durations(self._cache.get(cache_key))
        if durations is None:
            try:
                durations = sorted(successful_durations(self._read_ended_runs(run_key)))
            except LakeflowJobsError:
                return
            self._cache.set(cache_key, durations, HISTORY_TTL_SECONDS)
        expiry = self._clock.monotonic() + HISTORY_TTL_SECONDS
        with self._lock:
            self._expiry_and_durations[run_key.group] = expiry, durations


def successful_durations(runs: Iterable[BaseRun]) -> list[float]:
    """Return the seconds that the successful ones of some runs took."""
    return [
        duration
        for run in runs
        if outcome_of(run) in SUCCESSES and (duration := duration_of(run)) is not None
    ]


def _parse_durations(stored: Any) -> list[float] | None:
    if isinstance(stored, list) and all(isinstance(item, int | float) for item in stored):
        return stored
    return None
