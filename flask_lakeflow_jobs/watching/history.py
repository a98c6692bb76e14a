"""How long the runs of a job take, remembered for a while."""
# MERGED """What is to be expected of a run: when to look at it again, and when it will end."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ..errors import LakeflowJobsError
from ..runs.durations import age_of, duration_of
from ..runs.outcome import SUCCESSES, has_ended, outcome_of, parse_state
from .schedule import FLOOR, next_look, remaining, waiting_look

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..concurrency import Spawn
    from ..sdk_types import BaseRun, Run
    from .watched_run import RunKey

KEPT = 600.0


#: After a failed read, seconds until the next.
KEPT_WITHOUT = 30.0


class ReadsHistory(Protocol):
    """What can list the runs of a job that have ended."""

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]: ...


class History:
    """The durations of the successful runs of the jobs of one app.

    :param reader: lists runs upstream.
    :param shared: what the app's processes share, so that one list read serves all of them.
    :param clock: the time.
    """

    def __init__(self, source: ReadsHistory, shared: SharedCache, clock: Clock) -> None:
        self._source = source
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, list[float]]] = {}

    def durations(self, run_key: RunKey) -> list[float]:
        """Seconds that past runs took, sorted; empty as long as nothing is known.

        :param target: a run of the job.
        """
        with self._lock:
            return self._known.get(run_key.group, (0.0, []))[1]

    def is_due(self, run_key: RunKey) -> bool:
        """Whether it is time to learn them; whoever is told so has to :meth:`learn`.

        :param target: a run of the job.
        """
        now = self._clock.monotonic()
        with self._lock:
            expires, durations = self._known.get(run_key.group, (0.0, []))
            if now < expires:
                return False
            self._known[run_key.group] = (now + KEPT_WITHOUT, durations)
            return True

    def learn(self, run_key: RunKey) -> None:
        """Find out how long past runs took: from the other processes, else upstream.

        :param target: a run of the job.
        """
        stored = self._shared.get(f"history:{run_key.group}")
        if not isinstance(stored, list):
            try:
                stored = sorted(durations_of(self._source.read_ended_runs(run_key)))
            except LakeflowJobsError:
                return
            self._shared.set(f"history:{run_key.group}", stored, KEPT)
        with self._lock:
            self._known[run_key.group] = (self._clock.monotonic() + KEPT, stored)

    def add(self, run_key: RunKey, duration: float | None) -> None:
        """Take in a run that has just ended.

        :param target: it.
        :param duration: seconds that it took.
        """
        with self._lock:
            expires, durations = self._known.get(run_key.group, (0.0, []))
            if duration is not None and expires:
                self._known[run_key.group] = (expires, sorted([*durations, duration]))


def durations_of(runs: Iterable[BaseRun]) -> list[float]:
    """Seconds that those of some runs took that succeeded.

    :param runs: of a job.
    """
    return [
        duration
        for run in runs
        if outcome_of(run) in SUCCESSES and (duration := duration_of(run)) is not None
    ]


#: Seconds that the end of a run serves those who come after it. No longer, since it may go on, by
#: a repair.
END_SERVES = 1.0


class Outlook:
    """Judges runs by what they say of themselves and by the history of their jobs.

    :param history: how long earlier runs took.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    """

    def __init__(self, history: History, clock: Clock, poll_interval: float) -> None:
        self._history = history
        self._clock = clock
        self._poll_interval = poll_interval

    def of(self, run_key: RunKey, run: Run) -> tuple[float, int | None]:
        """The pause until the next look, in seconds, and the expected end if there is one, in
        milliseconds since the epoch.

        :param target: the run.
        :param run: as it was seen just now.
        """
        if has_ended(run):
            return min(END_SERVES, self._poll_interval), None
        now, words = self._clock.now(), parse_state(run)
        age = age_of(run, now)
        word = words.life_cycle or words.status
        if word == "QUEUED":
            return waiting_look(age, self._poll_interval), None
        if word == "TERMINATING":
            return min(2 * FLOOR, self._poll_interval), None
        past = self._history.durations(run_key)
        delay = next_look(age, past, self._poll_interval)
        left = remaining(age, past)
        tasks_going = sum(not has_ended(task) for task in run.tasks or [])
        if word != "RUNNING" or tasks_going > 1:  # news may come before the end
            delay = min(delay, waiting_look(age, self._poll_interval))
        return delay, None if left is None else int((now + left) * 1000)

    def learn(self, run_key: RunKey, spawn: Spawn) -> threading.Event:
        """Have the history of a job read, if that is due.

        :param target: a run of the job.
        :param spawn: runs it, beside the look perhaps.
        :return: is set when that is done.
        """
        done = threading.Event()

        def learn() -> None:
            try:
                self._history.learn(run_key)
            finally:
                done.set()

        if self._history.is_due(run_key):
            spawn(learn)
        else:
            done.set()
        return done

    def take_in(self, run_key: RunKey, run: Run) -> None:
        """Learn from a run that was watched and has just ended.

        :param target: the run.
        :param run: as it was seen just now.
        """
        if outcome_of(run) in SUCCESSES:
            self._history.add(run_key, duration_of(run))
