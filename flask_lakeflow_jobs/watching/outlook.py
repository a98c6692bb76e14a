"""What is to be expected of a run: when to look at it again, and when it will end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..outcome import SUCCESSES, age_of, duration_of, has_ended, outcome_of, words_of
from .schedule import FLOOR, next_look, remaining, waiting_look

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

    from ..clock import Clock
    from .history import History
    from .spawning import Spawn
    from .target import Target


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

    def of(self, target: Target, run: Run) -> tuple[float, int | None]:
        """The pause until the next look, in seconds, and the expected end if there is one, in
        milliseconds since the epoch.

        :param target: the run.
        :param run: as it was seen just now.
        """
        if has_ended(run):
            return min(END_SERVES, self._poll_interval), None
        now, words = self._clock.now(), words_of(run)
        age = age_of(run, now)
        word = words.life_cycle or words.status
        if word == "QUEUED":
            return waiting_look(age, self._poll_interval), None
        if word == "TERMINATING":
            return min(2 * FLOOR, self._poll_interval), None
        past = self._history.durations(target)
        pause = next_look(age, past, self._poll_interval)
        left = remaining(age, past)
        tasks_going = sum(not has_ended(task) for task in run.tasks or [])
        if word != "RUNNING" or tasks_going > 1:  # news may come before the end
            pause = min(pause, waiting_look(age, self._poll_interval))
        return pause, None if left is None else int((now + left) * 1000)

    def learn(self, target: Target, spawn: Spawn) -> threading.Event:
        """Have the history of a job read, if that is due.

        :param target: a run of the job.
        :param spawn: runs it, beside the look perhaps.
        :return: is set when that is done.
        """
        done = threading.Event()

        def learn() -> None:
            try:
                self._history.learn(target)
            finally:
                done.set()

        if self._history.is_due(target):
            spawn(learn)
        else:
            done.set()
        return done

    def take_in(self, target: Target, run: Run) -> None:
        """Learn from a run that was watched and has just ended.

        :param target: the run.
        :param run: as it was seen just now.
        """
        if outcome_of(run) in SUCCESSES:
            self._history.add(target, duration_of(run))
