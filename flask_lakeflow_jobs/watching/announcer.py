"""Tells the app of each new state of a run, once in this process, however many watch it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..outcome import RunStatus
    from .snapshot import Snapshot, StateId
    from .target import Target

Tell = Callable[["Target", "RunStatus"], None]

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

    def announce(self, target: Target, snapshot: Snapshot) -> None:
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

    def forget(self, target: Target) -> None:
        """Tell of the run's next state, whatever was told before.

        :param target: the run.
        """
        with self._lock:
            self._told.pop((target.job.key, target.run_id), None)
