"""How long the runs of a job take, remembered for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ..errors import LakeflowJobsError
from ..outcome import SUCCESSES, duration_of, outcome_of

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import BaseRun

    from ..clock import Clock
    from ..shared import Shared
    from .target import Target

KEPT = 600.0

#: After a failed read, seconds until the next.
KEPT_WITHOUT = 30.0


class ReadsHistory(Protocol):
    """What can list the runs of a job that have ended."""

    def ended_runs(self, target: Target) -> list[BaseRun]: ...


class History:
    """The durations of the successful runs of the jobs of one app.

    :param reader: lists runs upstream.
    :param shared: what the app's processes share, so that one list read serves all of them.
    :param clock: the time.
    """

    def __init__(self, reader: ReadsHistory, shared: Shared, clock: Clock) -> None:
        self._reader = reader
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, list[float]]] = {}

    def durations(self, target: Target) -> list[float]:
        """Seconds that past runs took, sorted; empty as long as nothing is known.

        :param target: a run of the job.
        """
        with self._lock:
            return self._known.get(target.group, (0.0, []))[1]

    def is_due(self, target: Target) -> bool:
        """Whether it is time to learn them; whoever is told so has to :meth:`learn`.

        :param target: a run of the job.
        """
        now = self._clock.monotonic()
        with self._lock:
            expires, durations = self._known.get(target.group, (0.0, []))
            if now < expires:
                return False
            self._known[target.group] = (now + KEPT_WITHOUT, durations)
            return True

    def learn(self, target: Target) -> None:
        """Find out how long past runs took: from the other processes, else upstream.

        :param target: a run of the job.
        """
        stored = self._shared.get(f"history:{target.group}")
        if not isinstance(stored, list):
            try:
                stored = sorted(durations_of(self._reader.ended_runs(target)))
            except LakeflowJobsError:
                return
            self._shared.put(f"history:{target.group}", stored, KEPT)
        with self._lock:
            self._known[target.group] = (self._clock.monotonic() + KEPT, stored)

    def add(self, target: Target, duration: float | None) -> None:
        """Take in a run that has just ended.

        :param target: it.
        :param duration: seconds that it took.
        """
        with self._lock:
            expires, durations = self._known.get(target.group, (0.0, []))
            if duration is not None and expires:
                self._known[target.group] = (expires, sorted([*durations, duration]))


def durations_of(runs: Iterable[BaseRun]) -> list[float]:
    """Seconds that those of some runs took that succeeded.

    :param runs: of a job.
    """
    return [
        duration
        for run in runs
        if outcome_of(run) in SUCCESSES and (duration := duration_of(run)) is not None
    ]
