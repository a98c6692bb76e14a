"""What a look at runs does: it reads them, one by one or together, and shows what was seen."""
# MERGED """Tells the app of each new state of a run, once in this process, however many watch it."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..runs.outcome import RunStatus
from .lease import Turn
from .schedule import FLOOR
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..clock import Clock
    from ..concurrency import Spawn
    from ..sdk_types import Run
    from ..upstream.jobs_api import ApiResponse
    from .history import Outlook
    from .lease import Turns
    from .shared_record import Board
    from .snapshot import StateId
    from .source import Reader
    from .watched_run import RunKey, WatchedRun

#: From this many watched runs of one job on, they are read together: the pages of a list cost less
#: than a read for each. Their looks then fall on one moment of each poll interval.
TOGETHER = 4

PAGE = 25

#: Seconds that a look waits for the job's history, which is read beside it.
HISTORY_PATIENCE = 1.0

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class Looks:
    """Makes the looks of one app.

    :param reader: looks upstream.
    :param turns: settles with the other processes who looks.
    :param board: what they share.
    :param outlook: what is to be expected of a run.
    :param announcer: is told of each state that is seen.
    :param watched_in: how many runs of a group are watched now and go on.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    :param settled_for: seconds that the end of a run that others saw is believed.
    :param spawn: runs something beside a look.
    """

    def __init__(
        self,
        reader: Reader,
        turns: Turns,
        board: Board,
        outlook: Outlook,
        announcer: Announcer,
        watched_in: Callable[[str], int],
        clock: Clock,
        *,
        poll_interval: float,
        settled_for: float,
        spawn: Spawn,
    ) -> None:
        self._reader = reader
        self._turns = turns
        self._board = board
        self._outlook = outlook
        self._announcer = announcer
        self._watched_in = watched_in
        self._clock = clock
        self._poll_interval = poll_interval
        self._settled_for = settled_for
        self._spawn = spawn
        self._lock = threading.Lock()
        self._moments: dict[str, float] = {}

    def make(self, feeds: Sequence[WatchedRun]) -> None:
        """Look at runs, unless another process does, and say when each is to be looked at next.

        :param feeds: the watches of runs of one group.
        """
        own = self._own_turns(feeds)
        if not own:
            return
        learned = self._outlook.learn(own[0].target, self._spawn)
        are_together = self._watched_in(own[0].target.group) >= TOGETHER
        for feed, seen in self._read(own, feeds):
            learned.wait(HISTORY_PATIENCE)
            learned.set()  # the other runs of this look wait no more
            with _kept_apart(feed):
                self._take_in(feed, seen, together=are_together)

    def _own_turns(self, feeds: Sequence[WatchedRun]) -> list[WatchedRun]:
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
        self, own: Sequence[WatchedRun], feeds: Sequence[WatchedRun]
    ) -> Iterable[tuple[WatchedRun, ApiResponse[Run] | LakeflowJobsError]]:
        """What a look at some runs of a group gives, and what it tells of others of them."""
        together: dict[int, ApiResponse[Run]] = {}
        watched = max(len(feeds), self._watched_in(own[0].target.group))
        if len(feeds) >= TOGETHER and pages(watched) <= len(own):
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
                        seen: ApiResponse[Run] | LakeflowJobsError = self._reader.run(feed.target)
                    except LakeflowJobsError as error:
                        seen = error
                    yield feed, seen

    def _common_moment(self, group: str) -> float:
        """When the runs of a group are read together next."""
        now = self._clock.monotonic()
        with self._lock:
            self._moments = {name: at for name, at in self._moments.items() if at > now}
            return self._moments.setdefault(group, now + self._poll_interval)

    def _take_in(
        self, feed: WatchedRun, seen: ApiResponse[Run] | LakeflowJobsError, *, together: bool
    ) -> None:
        if self._turns.is_void(feed):
            feed.is_due_again = True
        elif isinstance(seen, LakeflowJobsError):
            self._take_in_failure(feed, seen)
        else:
            self._take_in_run(feed, seen, together=together)

    def _take_in_run(self, feed: WatchedRun, seen: ApiResponse[Run], *, together: bool) -> None:
        now = self._clock.monotonic()
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

    def _take_in_failure(self, feed: WatchedRun, error: LakeflowJobsError) -> None:
        now = self._clock.monotonic()
        self._turns.failed(feed, error)
        if not error.retryable:
            feed.show(error=error)
            return
        if feed.failures == 0:
            _log.warning("Run %s cannot be looked at just now: %s", feed.target.run_id, error)
        feed.failures += 1
        feed.show(trouble=error)
        backoff = min(self._poll_interval, FLOOR * 2 ** min(feed.failures, 10))
        feed.due = now + max(backoff, error.retry_seconds or 0.0)

    def _show(self, feed: WatchedRun, snapshot: Snapshot) -> bool:
        is_new = feed.show(snapshot=snapshot)
        if is_new:
            self._announcer.announce(feed.target, snapshot)
        return is_new


@contextmanager
def _kept_apart(feed: WatchedRun) -> Iterator[None]:
    """Keep what goes wrong with one run from the others of its look.

    :param feed: its watch.
    """
    try:
        yield
    except Exception:
        _log.exception("A look at run %s failed in an unforeseen way.", feed.target.run_id)


def pages(runs: int) -> int:
    """How many pages of a list hold so many runs.

    :param runs: how many.
    """
    return -(-runs // PAGE)


Tell = Callable[["RunKey", "RunStatus"], None]

#: Runs whose last state is remembered.
REMEMBERED = 10_000


class Announcer:
    """Remembers what was told.

    :param tell: is told of each new state.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, int], StateId] = OrderedDict()

    def announce(self, target: RunKey, snapshot: Snapshot) -> None:
        """Tell of a state, unless that was told, or a later one.

        :param target: the run; as whom it was looked at makes no difference.
        :param snapshot: its state.
        """
        run = (target.job.key, target.run_id)
        with self._lock:
            known = self._told.get(run)
            if known == snapshot.id or (known and snapshot.id.is_before(known)):
                return
            self._told[run] = snapshot.id
            self._told.move_to_end(run)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        self._tell(target, snapshot.status)

    def forget(self, target: RunKey) -> None:
        """Tell of the run's next state, whatever was told before.

        :param target: the run.
        """
        with self._lock:
            self._told.pop((target.job.key, target.run_id), None)
