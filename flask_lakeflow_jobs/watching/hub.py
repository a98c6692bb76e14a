"""Who watches runs, and when they are looked at: one watch a run, for any number of viewers.

A watch starts with its first viewer and stops with its last. One thread knows when each look is
due; the looks themselves are made in threads of their own, so that a slow one holds up no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..concurrency import Spawn, call_here, call_in_forked_children, spawn_thread
from .history import History, Outlook
from .lease import TICK, Turns
from .notifications import Hint, Hints
from .poller import TOGETHER, Announcer, Looks, Tell, pages
from .shared_record import Board
from .subscription import Subscription
from .watched_run import WatchedRun

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .snapshot import StateId
    from .source import Reader
    from .watched_run import RunKey

#: Looks that are made at the same time.
MOST_LOOKS = 16


_log = logging.getLogger("flask_lakeflow_jobs.polling")


class Hub:
    """The watches of one app.

    :param reader: looks upstream.
    :param tell: is told of each new state, once in this process.
    :param shared: what the app's processes share.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    :param settled_for: seconds that the end of a run that others saw is believed.
    :param takes_hints: whether there may be hints, in this process or in others.
    :param is_closing: whether the process is about to end; its viewers are woken then.
    :param spawn: runs a look beside everything else; ``None``: only :meth:`step` makes looks, in
        the thread that calls it.
    """

    def __init__(
        self,
        reader: Reader,
        tell: Tell,
        shared: SharedCache,
        clock: Clock,
        *,
        poll_interval: float,
        settled_for: float,
        takes_hints: bool = False,
        is_closing: Callable[[], bool] = lambda: False,
        spawn: Spawn | None = spawn_thread,
    ) -> None:
        self._reader = reader
        self._tell = tell
        self._shared = shared
        self._clock = clock
        self._poll_interval = poll_interval
        self._settled_for = settled_for
        self._takes_hints = takes_hints
        self.is_closing = is_closing
        self._spawn = spawn
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._changed = threading.Condition()
        self._feeds: dict[RunKey, WatchedRun] = {}
        self._ticks = False
        self._under_way = 0
        self._announcer = Announcer(self._tell)
        self._hints = Hints(self._shared, self._clock)
        lease = max(2.0, self._poll_interval)
        self._board = Board(self._shared, self._reader.restore, self._clock, lease)
        history = History(self._reader, self._shared, self._clock)
        self._looks = Looks(
            self._reader,
            Turns(self._board, self._clock, patience=lease + TICK),
            self._board,
            Outlook(history, self._clock, self._poll_interval),
            self._announcer,
            self._watched_in,
            self._clock,
            poll_interval=self._poll_interval,
            settled_for=self._settled_for,
            spawn=self._spawn or call_here,
        )

    @property
    def watched(self) -> int:
        """How many runs are watched now."""
        with self._changed:
            return sum(feed.viewers > 0 for feed in self._feeds.values())

    def subscribe(
        self, targets: Sequence[RunKey], seen: Mapping[RunKey, StateId] | None = None
    ) -> Subscription:
        """Follow runs; close the subscription when done.

        :param targets: the runs.
        :param seen: the states that the viewer already has.
        """
        seen = seen or {}
        with self._changed:
            self._start_to_tick()
            feeds = [self._feed(target, seen.get(target)) for target in dict.fromkeys(targets)]
            for feed in feeds:
                feed.viewers += 1
            self._changed.notify()
        return Subscription(feeds, seen, clock=self._clock, leave=self._leave)

    def forget(self, target: RunKey) -> None:
        """Believe nothing that was seen of a run: it was just changed.

        :param target: the run.
        """
        with self._changed:
            feed = self._feeds.get(target)
            if feed is not None:
                feed.due = self._clock.monotonic()
                feed.is_changed_meanwhile = feed.is_being_looked_at
                self._changed.notify()
        self._board.forget(target)  # after the mark: a look that misses the one finds the other

    def reset(self, target: RunKey) -> None:
        """Forget a run that goes on after its end, and announce its states anew.

        :param target: the run.
        """
        self._announcer.forget(target)
        self.forget(target)

    def forget_all(self, job_id: int) -> None:
        """Believe nothing that was seen of the runs of a job: they were just changed.

        :param job_id: the job's id in the workspace.
        """
        with self._changed:
            targets = [target for target in self._feeds if target.job.job_id == job_id]
        for target in targets:
            self.forget(target)

    def take_hint(self, job_id: int, run_id: int, targets: Sequence[RunKey]) -> None:
        """Look at a run at once, since there may be news of it, as whomever it is watched, here and
        in the other processes.

        :param job_id: the id of its job in the workspace.
        :param run_id: the run.
        :param targets: the same run, as it is to be looked at even if nobody watches it.
        """
        hint = self._hints.pass_on(job_id, run_id)
        with self._changed:
            self._start_to_tick()
            self._hasten(hint)  # so that what had ended is watched anew
            for target in targets:
                self._feed(target)
            self._hasten(hint)

    def _hear(self) -> None:
        """Take the hints that other processes were given; they look at what nobody watches."""
        unheard = self._hints.unheard()
        with self._changed:
            for hint in unheard:
                self._hasten(hint)

    def _hasten(self, hint: Hint) -> None:
        now = self._clock.monotonic()
        for target, feed in self._feeds.items():
            if hint.is_about(target):
                feed.hint = hint.id
                if not feed.failures:  # else the workspace is to be left alone until the next look
                    feed.due = now
                feed.is_due_again = feed.is_being_looked_at
        self._changed.notify()

    def _start_to_tick(self) -> None:
        if self._spawn is not None and not self._ticks:
            threading.Thread(target=self._run, name="lakeflow-watch", daemon=True).start()
            self._ticks = True

    def _feed(self, target: RunKey, seen: StateId | None = None) -> WatchedRun:
        """The watch of a run; a new one where the known one is too old for who has seen that."""
        now, feed = self._clock.monotonic(), self._feeds.get(target)
        is_over = feed is not None and (feed.state.is_final or not feed.viewers)
        if feed is None or (is_over and feed.due <= now) or feed.has_ended_before(seen):
            feed = self._feeds[target] = WatchedRun(target, now)
        return feed

    def _leave(self, feeds: Sequence[WatchedRun]) -> None:
        with self._changed:
            for feed in feeds:
                feed.viewers -= 1
            self._changed.notify()

    # ── when ──────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            try:
                pause = self.step()
            except Exception:
                _log.exception("The runs that are due could not be looked at.")
                pause = TICK
            with self._changed:
                if not self._feeds:
                    self._ticks = False
                    return
                self._changed.wait(min(pause, TICK))
            if self.is_closing():
                self._wake_all()

    def _wake_all(self) -> None:
        with self._changed:
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.wake()

    def step(self) -> float:
        """Make the looks that are due.

        :return: seconds until others are.
        """
        now = self._clock.monotonic()
        spawn = self._spawn or call_here
        if self._takes_hints and self._hints.are_due:
            spawn(self._hear)
        for feeds in self._take_due(now):
            spawn(lambda feeds=feeds: self._look_at(feeds))  # type: ignore[misc]
        with self._changed:
            if self._under_way >= MOST_LOOKS:
                return self._poll_interval  # the end of a look comes first
            next_due = min(
                (feed.due for feed in self._waiting()), default=now + self._poll_interval
            )
        return max(0.0, next_due - self._clock.monotonic())

    def _waiting(self) -> list[WatchedRun]:
        """The watches whose next look is to come."""
        return [
            feed
            for feed in self._feeds.values()
            if feed.is_wanted and not (feed.is_being_looked_at or feed.state.is_final)
        ]

    def _drop_left(self, now: float) -> None:
        """Let go of what nobody views; until its next look is due, a new viewer is told of it."""
        for target, feed in list(self._feeds.items()):
            if feed.due <= now and not (feed.is_wanted or feed.is_being_looked_at):
                del self._feeds[target]

    def _take_due(self, now: float) -> list[list[WatchedRun]]:
        with self._changed:
            self._drop_left(now)
            groups: dict[str, list[WatchedRun]] = {}
            for feed in self._waiting():
                groups.setdefault(feed.target.group, []).append(feed)
            taken = []
            for feeds in groups.values():
                due = [feed for feed in feeds if feed.due <= now]
                if due and self._under_way < MOST_LOOKS:
                    # What is read together costs the pages of a list, and serves the whole group.
                    is_cheap = len(feeds) >= TOGETHER and pages(len(feeds)) <= len(due)
                    served = feeds if is_cheap else due
                    for feed in served:
                        feed.is_being_looked_at = True
                    self._under_way += 1
                    taken.append(served)
            return taken

    def _watched_in(self, group: str) -> int:
        """How many runs of a group are watched and go on."""
        with self._changed:
            return sum(
                target.group == group and feed.viewers > 0 and not feed.state.is_final
                for target, feed in self._feeds.items()
            )

    def _look_at(self, feeds: Sequence[WatchedRun]) -> None:
        try:
            self._looks.make(feeds)
        except Exception:
            _log.exception("A look at %d runs failed in an unforeseen way.", len(feeds))
        finally:
            with self._changed:
                now = self._clock.monotonic()
                for feed in feeds:
                    if feed.is_due_again or feed.is_changed_meanwhile:
                        feed.due = now
                    elif feed.due <= now and not feed.state.is_final:
                        feed.due = now + TICK
                    feed.is_being_looked_at = False
                    feed.is_due_again = feed.is_changed_meanwhile = False
                self._under_way -= 1
                self._changed.notify()
