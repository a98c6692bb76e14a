"""Who looks at runs: one watch a run, for any number of viewers.

A watch starts with its first viewer and stops with its last. One thread knows when each look is
due; the looks themselves are made in threads of their own, so that a slow one holds up no other.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import LakeflowJobsError
from ..outcome import SUCCESSES, RunStatus, age_of, duration_of, has_ended, outcome_of, words_of
from .board import KEPT, Board
from .feed import Feed
from .history import History, ReadsHistory
from .schedule import FLOOR, next_look, remaining, waiting_look
from .snapshot import Snapshot, StateId
from .subscription import Subscription

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

    from ..clock import Clock
    from ..shared import Shared
    from .target import Target

#: Seconds between two glances at what other processes have posted, and at whether this one ends.
TICK = 0.25

#: From this many watched runs of one job on, they are read together: the pages of a list cost less
#: than a read for each. Their looks then fall on one moment of each poll interval.
TOGETHER = 4
PAGE = 25

#: Looks that are made at the same time.
MOST_LOOKS = 16

#: Runs whose last state is remembered, so that each is announced once.
REMEMBERED = 10_000

_log = logging.getLogger(__name__)


class Reader(ReadsHistory, Protocol):
    """What looks at runs upstream."""

    def run(self, target: Target) -> Run: ...

    def active_runs(self, target: Target, most: int) -> list[Run]: ...

    def restore(self, stored: dict[str, Any]) -> RunStatus: ...


Tell = Callable[["Target", RunStatus], None]
Spawn = Callable[[Callable[[], None]], None]


def spawn_thread(call: Callable[[], None]) -> None:
    """Run something beside everything else.

    :param call: it.
    """
    threading.Thread(target=call, name="lakeflow-look", daemon=True).start()


class Hub:
    """The watches of one app.

    :param reader: looks upstream.
    :param tell: is told of each new state, once in this process.
    :param shared: what the app's processes share.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    :param settled_for: seconds that the end of a run that others saw is believed.
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
        is_closing: Callable[[], bool] = lambda: False,
        spawn: Spawn | None = spawn_thread,
    ) -> None:
        self._reader = reader
        self._tell = tell
        self._shared = shared
        self._clock = clock
        self._poll_interval = poll_interval
        self._settled_for = settled_for
        self.is_closing = is_closing
        self._spawn = spawn
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._feeds: dict[Target, Feed] = {}
        self._ticks = False
        self._looks = 0
        self._told: OrderedDict[tuple[str, int], StateId] = OrderedDict()
        self._board = Board(
            self._shared, self._reader.restore, self._clock, lease=max(2.0, self._poll_interval)
        )
        self._history = History(self._reader, self._shared, self._clock)

    @property
    def watched(self) -> int:
        """How many runs are watched now."""
        return len(self._feeds)

    def subscribe(
        self, targets: Sequence[Target], seen: Mapping[Target, StateId] | None = None
    ) -> Subscription:
        """Follow runs; close the subscription when done.

        :param targets: the runs.
        :param seen: the states that the viewer already has.
        """
        if self._pid != os.getpid():  # a forked child watches for itself
            self._start_afresh()
        with self._changed:
            feeds = [self._feed(target) for target in dict.fromkeys(targets)]
            for feed in feeds:
                feed.viewers += 1
            if self._spawn is not None and not self._ticks:
                self._ticks = True
                threading.Thread(target=self._run, name="lakeflow-watch", daemon=True).start()
            self._changed.notify()
        return Subscription(feeds, seen or {}, clock=self._clock, leave=self._leave)

    def forget(self, target: Target) -> None:
        """Believe nothing that was seen of a run: it was just changed.

        :param target: the run.
        """
        self._board.forget(target)
        with self._changed:
            self._told.pop(_run_of(target), None)
            feed = self._feeds.get(target)
            if feed is not None and not feed.state.is_final:
                feed.due = self._clock.monotonic()
                self._changed.notify()

    def _feed(self, target: Target) -> Feed:
        feed = self._feeds.get(target)
        if feed is None or feed.state.is_final:  # an ended run may go on: by a repair
            feed = self._feeds[target] = Feed(target, self._clock.monotonic())
        return feed

    def _leave(self, feeds: Sequence[Feed]) -> None:
        with self._changed:
            for feed in feeds:
                feed.viewers -= 1
                if feed.viewers == 0 and self._feeds.get(feed.target) is feed:
                    del self._feeds[feed.target]
            self._changed.notify()

    # ── when ──────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            pause = self.step()
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
        spawn = self._spawn or _call
        for feeds in self._take_due(now):
            spawn(lambda feeds=feeds: self._look_at(feeds))  # type: ignore[misc]
        with self._changed:
            dues = [
                feed.due
                for feed in self._feeds.values()
                if not (feed.is_being_looked_at or feed.state.is_final)
            ]
        return max(0.0, min(dues, default=now + self._poll_interval) - self._clock.monotonic())

    def _take_due(self, now: float) -> list[list[Feed]]:
        with self._changed:
            groups: dict[str, list[Feed]] = {}
            for feed in self._feeds.values():
                if not (feed.is_being_looked_at or feed.state.is_final):
                    groups.setdefault(feed.target.group, []).append(feed)
            taken = []
            for feeds in groups.values():
                due = [feed for feed in feeds if feed.due <= now]
                if due and self._looks < MOST_LOOKS:
                    # What is read together costs the pages of a list, and serves the whole group.
                    pages = -(-len(feeds) // PAGE)
                    chosen = feeds if len(feeds) >= TOGETHER and pages <= len(due) else due
                    for feed in chosen:
                        feed.is_being_looked_at = True
                    self._looks += 1
                    taken.append(chosen)
            return taken

    # ── look ──────────────────────────────────────────────────────────────────────────────────────

    def _look_at(self, feeds: Sequence[Feed]) -> None:
        try:
            self._learn(feeds[0].target)
            own = [feed for feed in feeds if not self._others_look(feed)]
            common = self._common_moment(feeds[0].target.group)
            for feed, seen in self._read(own):
                self._take_in(feed, seen, common)
        except Exception:
            _log.exception("A look at %d runs failed in an unforeseen way.", len(feeds))
        finally:
            with self._changed:
                now = self._clock.monotonic()
                for feed in feeds:
                    feed.is_being_looked_at = False
                    if feed.due <= now and not feed.state.is_final:
                        feed.due = now + TICK
                self._looks -= 1
                self._changed.notify()

    def _learn(self, target: Target) -> None:
        """Have the job's history read, beside the look: a viewer waits for no more than that."""
        if self._history.is_due(target):
            (self._spawn or _call)(lambda: self._history.learn(target))

    def _others_look(self, feed: Feed) -> bool:
        """Whether another process has made the look that is due, or is making it."""
        if not self._board.is_shared:
            return False
        now = self._clock.monotonic()
        number = self._board.number(feed.target)
        if number is not None and number != feed.last_look:
            post = self._board.read(feed.target)
            if post is not None and post.is_fresh:
                feed.waits_for_others_since = None
                feed.last_look = post.number
                feed.failures = 0
                self._show(feed, post.snapshot)
                feed.due = now + max(0.0, post.pause - post.age) + TICK / 2
                return True
        after = number or feed.last_look
        if self._board.claim(feed.target, after):
            feed.waits_for_others_since = None
            return False
        if feed.waits_for_others_since is None:
            feed.waits_for_others_since = now
        feed.due = now + TICK
        return now - feed.waits_for_others_since < max(2.0, self._poll_interval)

    def _read(self, feeds: Sequence[Feed]) -> Iterable[tuple[Feed, Run | LakeflowJobsError]]:
        """What a look at each of the runs of one group gives."""
        together: dict[int, Run] = {}
        if len(feeds) >= TOGETHER:
            try:
                runs = self._reader.active_runs(feeds[0].target, len(feeds))
                together = {run.run_id: run for run in runs if run.run_id is not None}
            except LakeflowJobsError as error:
                if error.retryable:
                    yield from ((feed, error) for feed in feeds)
                    return
        for feed in feeds:
            run = together.get(feed.target.run_id)
            try:
                yield feed, run or self._reader.run(feed.target)
            except LakeflowJobsError as error:
                yield feed, error

    def _common_moment(self, group: str) -> float | None:
        """When the runs of a group are read together next; ``None``: each has its own moment."""
        now = self._clock.monotonic()
        with self._changed:
            dues = [feed.due for target, feed in self._feeds.items() if target.group == group]
        if len(dues) < TOGETHER:
            return None
        return min((due for due in dues if due > now), default=now + self._poll_interval)

    def _take_in(
        self, feed: Feed, seen: Run | LakeflowJobsError, common_moment: float | None
    ) -> None:
        now = self._clock.monotonic()
        if not isinstance(seen, LakeflowJobsError):
            feed.failures = 0
            snapshot, pause = self._judge(feed.target, seen)
            if common_moment is not None:
                pause = max(0.0, common_moment - now)
            was_going = feed.state.snapshot is not None
            if was_going and outcome_of(seen) in SUCCESSES:
                self._history.add(feed.target, duration_of(seen))
            is_new = self._show(feed, snapshot)
            if self._board.is_shared:
                believed = self._settled_for if snapshot.is_terminal else pause
                if is_new or now - feed.stored_at > KEPT / 2:
                    self._board.store(feed.target, snapshot)
                    feed.stored_at = now
                feed.last_look = self._board.post(feed.target, snapshot, believed)
            feed.due = now + pause
        elif seen.retryable:
            if feed.failures == 0:
                _log.warning("Run %s cannot be looked at just now: %s", feed.target.run_id, seen)
            feed.failures += 1
            feed.show(trouble=seen)
            backoff = min(self._poll_interval, FLOOR * 2**feed.failures)
            feed.due = now + max(backoff, seen.retry_after or 0.0)
        else:
            feed.show(error=seen)

    def _show(self, feed: Feed, snapshot: Snapshot) -> bool:
        is_new = feed.show(snapshot=snapshot)
        if is_new:
            self._announce(feed.target, snapshot)
        return is_new

    def _judge(self, target: Target, run: Run) -> tuple[Snapshot, float]:
        """What a run's state is, and the pause until the next look at it."""
        now = self._clock.now()
        words = words_of(run)
        eta, pause = None, self._poll_interval
        if not words.ended:
            age = age_of(run, now)
            word = words.life_cycle or words.status
            if word == "QUEUED":
                pause = waiting_look(age, self._poll_interval)
            elif word == "TERMINATING":
                pause = min(2 * FLOOR, self._poll_interval)
            else:
                past = self._history.durations(target)
                pause = next_look(age, past, self._poll_interval)
                left = remaining(age, past)
                eta = None if left is None else int((now + left) * 1000)
                tasks_going = sum(not has_ended(task) for task in run.tasks or [])
                if word != "RUNNING" or tasks_going > 1:  # news may come before the end
                    pause = min(pause, waiting_look(age, self._poll_interval))
        return Snapshot.of(RunStatus(int(now * 1000), run, eta)), pause

    def _announce(self, target: Target, snapshot: Snapshot) -> None:
        run = _run_of(target)
        with self._changed:
            known = self._told.get(run)
            if known == snapshot.id or (known and snapshot.id.is_before(known)):
                return
            self._told[run] = snapshot.id
            self._told.move_to_end(run)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        self._tell(target, snapshot.status)


def _run_of(target: Target) -> tuple[str, int]:
    """A run, whoever looks at it."""
    return target.job.key, target.run_id


def _call(call: Callable[[], None]) -> None:
    call()
