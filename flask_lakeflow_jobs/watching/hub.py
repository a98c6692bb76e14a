"""Who looks at runs: one watch a run, for any number of viewers.

A watch starts with its first viewer and stops with its last. One thread knows when each look is
due; the looks themselves are made in threads of their own, so that a slow one holds up no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..forks import call_in_children
from ..outcome import RunStatus
from .announcer import Announcer, Tell
from .board import Board
from .feed import Feed
from .hints import Hint, Hints
from .history import History
from .outlook import Outlook
from .schedule import FLOOR
from .snapshot import Snapshot
from .spawning import Spawn, call_here, spawn_thread
from .subscription import Subscription
from .turns import TICK, Turn, Turns

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

    from ..clock import Clock
    from ..shared import Shared
    from ..upstream.jobs_api import Answer
    from .reader import Reader
    from .snapshot import StateId
    from .target import Target

#: From this many watched runs of one job on, they are read together: the pages of a list cost less
#: than a read for each. Their looks then fall on one moment of each poll interval.
TOGETHER = 4
PAGE = 25

#: Looks that are made at the same time.
MOST_LOOKS = 16

#: Seconds that a look waits for the job's history, which is read beside it.
HISTORY_PATIENCE = 1.0

_log = logging.getLogger(__name__)


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
        shared: Shared,
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
        call_in_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._changed = threading.Condition()
        self._feeds: dict[Target, Feed] = {}
        self._moments: dict[str, float] = {}
        self._ticks = False
        self._looks = 0
        self._announcer = Announcer(self._tell)
        lease = max(2.0, self._poll_interval)
        self._board = Board(self._shared, self._reader.restore, self._clock, lease)
        self._turns = Turns(self._board, self._clock, patience=lease + TICK)
        history = History(self._reader, self._shared, self._clock)
        self._outlook = Outlook(history, self._clock, self._poll_interval)
        self._hints = Hints(self._shared, self._clock)

    @property
    def watched(self) -> int:
        """How many runs are watched now."""
        with self._changed:
            return sum(feed.viewers > 0 for feed in self._feeds.values())

    def subscribe(
        self, targets: Sequence[Target], seen: Mapping[Target, StateId] | None = None
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

    def forget(self, target: Target) -> None:
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

    def begin_again(self, target: Target) -> None:
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

    def take_hint(self, job_id: int, run_id: int, targets: Sequence[Target]) -> None:
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

    def _feed(self, target: Target, seen: StateId | None = None) -> Feed:
        """The watch of a run; a new one where the known one is too old for who has seen that."""
        now, feed = self._clock.monotonic(), self._feeds.get(target)
        is_over = feed is not None and (feed.state.is_final or not feed.viewers)
        if feed is None or (is_over and feed.due <= now) or feed.has_ended_before(seen):
            feed = self._feeds[target] = Feed(target, now)
        return feed

    def _leave(self, feeds: Sequence[Feed]) -> None:
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
            if self._looks >= MOST_LOOKS:
                return self._poll_interval  # the end of a look comes first
            next_due = min(
                (feed.due for feed in self._waiting()), default=now + self._poll_interval
            )
        return max(0.0, next_due - self._clock.monotonic())

    def _waiting(self) -> list[Feed]:
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

    def _take_due(self, now: float) -> list[list[Feed]]:
        with self._changed:
            self._drop_left(now)
            groups: dict[str, list[Feed]] = {}
            for feed in self._waiting():
                groups.setdefault(feed.target.group, []).append(feed)
            taken = []
            for feeds in groups.values():
                due = [feed for feed in feeds if feed.due <= now]
                if due and self._looks < MOST_LOOKS:
                    # What is read together costs the pages of a list, and serves the whole group.
                    is_cheap = len(feeds) >= TOGETHER and _pages(len(feeds)) <= len(due)
                    served = feeds if is_cheap else due
                    for feed in served:
                        feed.is_being_looked_at = True
                    self._looks += 1
                    taken.append(served)
            return taken

    # ── look ──────────────────────────────────────────────────────────────────────────────────────

    def _look_at(self, feeds: Sequence[Feed]) -> None:
        try:
            own = self._own_turns(feeds)
            if own:
                learned = self._outlook.learn(own[0].target, self._spawn or call_here)
                are_together = self._watched_in(own[0].target.group) >= TOGETHER
                for feed, seen in self._read(own, feeds):
                    learned.wait(HISTORY_PATIENCE)
                    learned.set()  # the other runs of this look wait no more
                    with _kept_apart(feed):
                        self._take_in(feed, seen, together=are_together)
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
                self._looks -= 1
                self._changed.notify()

    def _own_turns(self, feeds: Sequence[Feed]) -> list[Feed]:
        """Those of the runs that are due for a look of ours; of the others, what is news."""
        own, now = [], self._clock.monotonic()
        due = [feed for feed in feeds if feed.due <= now]
        for feed in sorted(due, key=lambda feed: feed.target.key):
            with _kept_apart(feed):
                turn, snapshot = self._turns.next(feed)
                if turn is Turn.OURS:
                    own.append(feed)
                elif snapshot is not None:
                    feed.failures = 0
                    self._show(feed, snapshot)
                if turn is Turn.TAKEN:
                    break  # whoever took it is about to take those after it, to read them together
        return own

    def _read(
        self, own: Sequence[Feed], feeds: Sequence[Feed]
    ) -> Iterable[tuple[Feed, Answer[Run] | LakeflowJobsError]]:
        """What a look at some runs of a group gives, and what it tells of others of them."""
        together: dict[int, Answer[Run]] = {}
        watched = max(len(feeds), self._watched_in(own[0].target.group))
        if len(feeds) >= TOGETHER and _pages(watched) <= len(own):
            try:
                runs = self._reader.active_runs(own[0].target, watched)
                together = {int(run.value.run_id or 0): run for run in runs}
            except LakeflowJobsError as error:
                if error.retryable:
                    yield from ((feed, error) for feed in own)
                    return
        yield from (
            (feed, together[feed.target.run_id]) for feed in feeds if feed.target.run_id in together
        )
        for feed in own:
            if feed.target.run_id not in together:
                with _kept_apart(feed):
                    try:
                        seen: Answer[Run] | LakeflowJobsError = self._reader.run(feed.target)
                    except LakeflowJobsError as error:
                        seen = error
                    yield feed, seen

    def _watched_in(self, group: str) -> int:
        with self._changed:
            return sum(
                target.group == group and feed.viewers > 0 and not feed.state.is_final
                for target, feed in self._feeds.items()
            )

    def _common_moment(self, group: str) -> float:
        """When the runs of a group are read together next."""
        now = self._clock.monotonic()
        with self._changed:
            self._moments = {name: at for name, at in self._moments.items() if at > now}
            return self._moments.setdefault(group, now + self._poll_interval)

    def _take_in(
        self, feed: Feed, seen: Answer[Run] | LakeflowJobsError, *, together: bool
    ) -> None:
        now = self._clock.monotonic()
        if self._turns.is_void(feed):
            feed.is_due_again = True
            return
        if not isinstance(seen, LakeflowJobsError):
            feed.failures = 0
            pause, eta = self._outlook.of(feed.target, seen.value)
            if feed.state.snapshot is not None:
                self._outlook.take_in(feed.target, seen.value)
            at = int(self._clock.now() * 1000)
            snapshot = Snapshot.of(RunStatus(at, seen.value, eta, seen.document))
            is_common = together and not snapshot.is_terminal
            due = self._common_moment(feed.target.group) if is_common else now + pause
            is_new = self._show(feed, snapshot)
            newest = feed.state.snapshot or snapshot
            believed = self._settled_for if newest.is_terminal else due - now
            self._turns.made(feed, newest, believed, is_new=is_new)
            if feed.is_changed_meanwhile:
                self._board.forget(feed.target)
            feed.due = due
            return
        self._turns.failed(feed, seen)
        if seen.retryable:
            if feed.failures == 0:
                _log.warning("Run %s cannot be looked at just now: %s", feed.target.run_id, seen)
            feed.failures += 1
            feed.show(trouble=seen)
            backoff = min(self._poll_interval, FLOOR * 2 ** min(feed.failures, 10))
            feed.due = now + max(backoff, seen.retry_seconds or 0.0)
        else:
            feed.show(error=seen)

    def _show(self, feed: Feed, snapshot: Snapshot) -> bool:
        is_new = feed.show(snapshot=snapshot)
        if is_new:
            self._announcer.announce(feed.target, snapshot)
        return is_new


@contextmanager
def _kept_apart(feed: Feed) -> Iterator[None]:
    """Keep what goes wrong with one run from the others of its look.

    :param feed: its watch.
    """
    try:
        yield
    except Exception:
        _log.exception("A look at run %s failed in an unforeseen way.", feed.target.run_id)


def _pages(runs: int) -> int:
    """How many pages of a list hold so many runs.

    :param runs: how many.
    """
    return -(-runs // PAGE)
