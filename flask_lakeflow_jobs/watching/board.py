"""What the processes that watch the same run tell each other: one looks, all know.

A look is claimed by whoever comes first, and what it saw is posted under a number of its own. The
claim is on the look after a known one, so that it needs no clock that is the same everywhere; and
it expires, so that a process that dies while looking holds nobody up for long.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .snapshot import Restore, Snapshot, StateId

if TYPE_CHECKING:
    from ..clock import Clock
    from ..shared import Shared
    from .target import Target

#: Seconds that a state and a post are kept; a state that lasts is stored anew in time.
KEPT = 3600.0

#: Before anybody has looked.
NO_LOOK = "none"


@dataclass(frozen=True)
class Post:
    """What another look has seen.

    :param number: of the look.
    :param age: seconds since then.
    :param pause: seconds after which the next look was due.
    :param snapshot: the state seen.
    """

    number: str
    age: float
    pause: float
    snapshot: Snapshot

    @property
    def is_fresh(self) -> bool:
        return self.age <= self.pause


class Board:
    """The posts about the runs of one app.

    :param shared: the store.
    :param restore: makes a status of a stored one.
    :param clock: the time.
    :param lease: seconds that a claim holds.
    """

    def __init__(self, shared: Shared, restore: Restore, clock: Clock, lease: float) -> None:
        self._shared = shared
        self._restore = restore
        self._clock = clock
        self._lease = lease

    @property
    def is_shared(self) -> bool:
        return self._shared.is_between_processes

    def read(self, target: Target) -> Post | None:
        """The last post about a run.

        :param target: the run.
        """
        head = self._shared.get(f"watch:{target.key}")
        if head is None:
            return None
        state = StateId.parse(head["state"])
        data = self._shared.get(f"state:{target.key}:{head['state']}")
        if state is None or data is None:
            return None
        age = max(0.0, self._clock.now() - head["at"])
        return Post(head["number"], age, head["pause"], Snapshot(state, data, self._restore))

    def number(self, target: Target) -> str | None:
        """The number of the last look at a run.

        :param target: the run.
        """
        head = self._shared.get(f"watch:{target.key}")
        return None if head is None else str(head["number"])

    def store(self, target: Target, snapshot: Snapshot) -> None:
        """Keep a state that posts will name.

        :param target: the run.
        :param snapshot: the state.
        """
        self._shared.put(f"state:{target.key}:{snapshot.id}", snapshot.data, KEPT)

    def post(self, target: Target, snapshot: Snapshot, pause: float) -> str:
        """Tell the others.

        :param target: the run.
        :param snapshot: the state seen; it is stored already.
        :param pause: seconds until the next look.
        :return: the number of the look.
        """
        number = uuid.uuid4().hex[:12]
        state = str(snapshot.id)
        head = {"number": number, "state": state, "pause": pause, "at": self._clock.now()}
        self._shared.put(f"watch:{target.key}", head, KEPT)
        return number

    def claim(self, target: Target, after: str) -> bool:
        """Whether it is for this process to make the next look.

        :param target: the run.
        :param after: the number of the last look.
        """
        return self._shared.add(f"look:{target.key}:{after}", True, self._lease)

    def forget(self, target: Target) -> None:
        """Let nobody rely on what was seen of a run.

        :param target: the run.
        """
        self._shared.forget(f"watch:{target.key}")
