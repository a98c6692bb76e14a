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
from .lease import Lease
from .schedule import FLOOR
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ..clock import Clock
    from ..concurrency import Spawn
    from ..sdk_types import Run
    from ..upstream.jobs_api import ApiResponse
    from .history import Outlook
    from .lease import LeaseCoordinator
    from .shared_record import SharedRecords
    from .snapshot import StateId
    from .source import RunSource
    from .watched_run import RunKey, WatchedRun

#: From this many watched runs of one job on, they are read together: the pages of a list cost less
#: than a read for each. Their looks then fall on one moment of each poll interval.
TOGETHER = 4

PAGE = 25

#: Seconds that a look waits for the job's history, which is read beside it.
HISTORY_PATIENCE = 1.0

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class RunPoller:
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
        source: RunSource,
        leases: LeaseCoordinator,
        records: SharedRecords,
        outlook: Outlook,
        dispatcher: StateChangeDispatcher,
        watched_in: Callable[[str], int],
        clock: Clock,
        *,
        poll_interval: float,
        terminal_ttl: float,
        spawn: Spawn,
    ) -> None:
        self._source = source
        self._leases = leases
        self._records = records
        self._outlook = outlook
        self._dispatcher = dispatcher
        self._watched_in = watched_in
        self._clock = clock
        self._poll_interval = poll_interval
        self._settled_for = terminal_ttl
        self._spawn = spawn
        self._lock = threading.Lock()
        self._moments: dict[str, float] = {}

    def make(self, watched_runs: Sequence[WatchedRun]) -> None:
        """Look at runs, unless another process does, and say when each is to be looked at next.

        :param feeds: the watches of runs of one group.
        """
        own = self._own_turns(watched_runs)
        if not own:
            return
        learned = self._outlook.learn(own[0].run_key, self._spawn)
        are_together = self._watched_in(own[0].run_key.group) >= TOGETHER
        for watched_run, seen in self._read(own, watched_runs):
            learned.wait(HISTORY_PATIENCE)
            learned.set()  # the other runs of this look wait no more
            with _kept_apart(watched_run):
                self._take_in(watched_run, seen, together=are_together)

    def _own_turns(self, watched_runs: Sequence[WatchedRun]) -> list[WatchedRun]:
        """Those of the runs that are due for a look of ours; of the others, what is news."""
        own, now = [], self._clock.monotonic()
        due = [watched_run for watched_run in watched_runs if watched_run.due <= now]
        for watched_run in sorted(due, key=lambda watched_run: watched_run.run_key.key):
            with _kept_apart(watched_run):
                turn, snapshot = self._leases.next(watched_run)
                if turn is Lease.ACQUIRED:
                    own.append(watched_run)
                elif snapshot is not None:
                    watched_run.failures = 0
                    self._publish(watched_run, snapshot)
                if turn is Lease.HELD:
                    break  # whoever took it is about to take those after it, to read them together
        return own

    def _read(
        self, own: Sequence[WatchedRun], watched_runs: Sequence[WatchedRun]
    ) -> Iterable[tuple[WatchedRun, ApiResponse[Run] | LakeflowJobsError]]:
        """What a look at some runs of a group gives, and what it tells of others of them."""
        together: dict[int, ApiResponse[Run]] = {}
        watched = max(len(watched_runs), self._watched_in(own[0].run_key.group))
        if len(watched_runs) >= TOGETHER and pages(watched) <= len(own):
            try:
                runs = self._source.read_active_runs(own[0].run_key, watched)
                together = {int(run.value.run_id or 0): run for run in runs}
            except LakeflowJobsError as error:
                if error.retryable:
                    yield from ((watched_run, error) for watched_run in own)
                    return
        yield from (
            (watched_run, together[watched_run.run_key.run_id])
            for watched_run in watched_runs
            if watched_run.run_key.run_id in together
        )
        for watched_run in own:
            if watched_run.run_key.run_id not in together:
                with _kept_apart(watched_run):
                    try:
                        seen: ApiResponse[Run] | LakeflowJobsError = self._source.read_run(
                            watched_run.run_key
                        )
                    except LakeflowJobsError as error:
                        seen = error
                    yield watched_run, seen

    def _common_moment(self, group: str) -> float:
        """When the runs of a group are read together next."""
        now = self._clock.monotonic()
        with self._lock:
            self._moments = {name: at for name, at in self._moments.items() if at > now}
            return self._moments.setdefault(group, now + self._poll_interval)

    def _take_in(
        self, watched_run: WatchedRun, seen: ApiResponse[Run] | LakeflowJobsError, *, together: bool
    ) -> None:
        if self._leases.is_void(watched_run):
            watched_run.is_due_again = True
        elif isinstance(seen, LakeflowJobsError):
            self._take_in_failure(watched_run, seen)
        else:
            self._take_in_run(watched_run, seen, together=together)

    def _take_in_run(
        self, watched_run: WatchedRun, seen: ApiResponse[Run], *, together: bool
    ) -> None:
        now = self._clock.monotonic()
        watched_run.failures = 0
        delay, eta = self._outlook.of(watched_run.run_key, seen.value)
        if watched_run.state.snapshot is not None:
            self._outlook.take_in(watched_run.run_key, seen.value)
        at = int(self._clock.now() * 1000)
        snapshot = Snapshot.of(RunStatus(at, seen.value, eta, seen.document))
        is_common = together and not snapshot.is_terminal
        due = self._common_moment(watched_run.run_key.group) if is_common else now + delay
        is_new = self._publish(watched_run, snapshot)
        newest = watched_run.state.snapshot or snapshot
        believed = self._settled_for if newest.is_terminal else due - now
        self._leases.made(watched_run, newest, believed, is_new=is_new)
        if watched_run.is_changed_meanwhile:
            self._records.forget(watched_run.run_key)
        watched_run.due = due

    def _take_in_failure(self, watched_run: WatchedRun, error: LakeflowJobsError) -> None:
        now = self._clock.monotonic()
        self._leases.failed(watched_run, error)
        if not error.retryable:
            watched_run.publish(error=error)
            return
        if watched_run.failures == 0:
            _log.warning(
                "Run %s could not be polled and will be polled again: %s",
                watched_run.run_key.run_id,
                error,
            )
        watched_run.failures += 1
        watched_run.publish(transient_error=error)
        backoff = min(self._poll_interval, FLOOR * 2 ** min(watched_run.failures, 10))
        watched_run.due = now + max(backoff, error.retry_seconds or 0.0)

    def _publish(self, watched_run: WatchedRun, snapshot: Snapshot) -> bool:
        is_new = watched_run.publish(snapshot=snapshot)
        if is_new:
            self._dispatcher.dispatch(watched_run.run_key, snapshot)
        return is_new


@contextmanager
def _kept_apart(watched_run: WatchedRun) -> Iterator[None]:
    """Keep what goes wrong with one run from the others of its look.

    :param feed: its watch.
    """
    try:
        yield
    except Exception:
        _log.exception("Unexpected error while polling run %s.", watched_run.run_key.run_id)


def pages(runs: int) -> int:
    """How many pages of a list hold so many runs.

    :param runs: how many.
    """
    return -(-runs // PAGE)


OnChange = Callable[["RunKey", "RunStatus"], None]

#: Runs whose last state is remembered.
REMEMBERED = 10_000


class StateChangeDispatcher:
    """Remembers what was told.

    :param tell: is told of each new state.
    """

    def __init__(self, tell: OnChange) -> None:
        self._on_change = tell
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, int], StateId] = OrderedDict()

    def dispatch(self, run_key: RunKey, snapshot: Snapshot) -> None:
        """Tell of a state, unless that was told, or a later one.

        :param target: the run; as whom it was looked at makes no difference.
        :param snapshot: its state.
        """
        run = (run_key.job.key, run_key.run_id)
        with self._lock:
            known = self._told.get(run)
            if known == snapshot.id or (known and snapshot.id.is_before(known)):
                return
            self._told[run] = snapshot.id
            self._told.move_to_end(run)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        self._on_change(run_key, snapshot.status)

    def forget(self, run_key: RunKey) -> None:
        """Tell of the run's next state, whatever was told before.

        :param target: the run.
        """
        with self._lock:
            self._told.pop((run_key.job.key, run_key.run_id), None)
