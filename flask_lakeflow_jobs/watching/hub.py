"""Who looks at runs, and who is told.

Viewers know :class:`Hub` and :class:`Subscription` only, not how the looking is done: here each
subscription looks for itself.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..outcome import RunStatus
from .schedule import pause
from .snapshot import Snapshot, StateId

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run

    from ..clock import Clock
    from ..identity import Identity
    from ..job_config import Job

REMEMBERED = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """A run, and as whom it is looked at: what one identity sees is shown to no other."""

    identity: Identity
    job: Job
    run_id: int


@dataclass(frozen=True)
class News:
    """A new state of a run, or why there will be none."""

    target: Target
    snapshot: Snapshot | None = None
    error: LakeflowJobsError | None = None

    @property
    def is_last(self) -> bool:
        return self.snapshot is None or self.snapshot.status.is_terminal


Look = Callable[[Target], "Run"]
Tell = Callable[[Target, RunStatus], None]


class Hub:
    """The watches of one app.

    :param look: reads a run upstream.
    :param tell: is told of each new state once in this process.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    """

    def __init__(self, look: Look, tell: Tell, clock: Clock, poll_interval: float) -> None:
        self._look = look
        self._tell = tell
        self._poll_interval = poll_interval
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, int], StateId] = OrderedDict()
        self.clock = clock

    def subscribe(
        self, targets: Sequence[Target], seen: Mapping[Target, StateId] | None = None
    ) -> Subscription:
        """Follow runs; close the subscription when done.

        :param targets: the runs.
        :param seen: the states that the viewer already has.
        """
        return Subscription(self, targets, seen or {})

    def look(self, target: Target) -> Snapshot:
        """Look at a run now.

        :raises LakeflowJobsError: the look failed.
        """
        run = self._look(target)
        snapshot = Snapshot(RunStatus(int(self.clock.now() * 1000), run))
        self._announce(target, snapshot)
        return snapshot

    def pause(self, snapshot: Snapshot | None) -> float:
        """Seconds until the next look at a run.

        :param snapshot: the last state seen, if any.
        """
        started = snapshot.status.run.start_time if snapshot else None
        age = self.clock.now() - (started or 0) / 1000 if started else 0.0
        return pause(age, self._poll_interval)

    def _announce(self, target: Target, snapshot: Snapshot) -> None:
        key = (target.identity.key, target.run_id)
        with self._lock:
            known = self._told.get(key)
            if known == snapshot.id or (known and snapshot.id.is_before(known)):
                return
            self._told[key] = snapshot.id
            self._told.move_to_end(key)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        self._tell(target, snapshot.status)


class Subscription:
    """What one viewer follows. Not for several threads at once."""

    def __init__(self, hub: Hub, targets: Sequence[Target], seen: Mapping[Target, StateId]) -> None:
        self._hub = hub
        self._seen = dict(seen)
        self._last: dict[Target, Snapshot] = {}
        self._due = dict.fromkeys(targets, hub.clock.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to follow."""
        return not self._due

    def wait(self, timeout: float) -> list[News]:
        """Wait for something new; looks that are due are made, however short the timeout.

        Trouble upstream that may pass is no news: the next look comes in its turn.

        :param timeout: seconds.
        :return: the news, none when the time is up.
        """
        clock = self._hub.clock
        deadline = clock.monotonic() + timeout
        while True:
            news = [item for target in self._now_due() if (item := self._look(target))]
            if news or self.is_over:
                return news
            next_look = min(self._due.values())
            now = clock.monotonic()
            if now >= deadline:
                return []
            clock.sleep(max(0.0, min(next_look, deadline) - now))

    def close(self) -> None:
        """Follow nothing any more."""
        self._due.clear()

    def _now_due(self) -> list[Target]:
        now = self._hub.clock.monotonic()
        return [target for target, due in self._due.items() if due <= now]

    def _look(self, target: Target) -> News | None:
        try:
            snapshot = self._hub.look(target)
        except LakeflowJobsError as error:
            if error.retryable:
                _log.warning("Run %s cannot be looked at just now: %s", target.run_id, error)
                self._plan(target, error.retry_after or 0.0)
                return None
            self._due.pop(target, None)
            return News(target, error=error)
        self._last[target] = snapshot
        self._plan(target)
        if snapshot.status.is_terminal:
            self._due.pop(target, None)
        seen = self._seen.get(target)
        if seen == snapshot.id or (seen and snapshot.id.is_before(seen)):
            return None
        self._seen[target] = snapshot.id
        return News(target, snapshot)

    def _plan(self, target: Target, at_least: float = 0.0) -> None:
        wait = max(self._hub.pause(self._last.get(target)), at_least)
        self._due[target] = self._hub.clock.monotonic() + wait
