"""What the processes that watch the same run tell each other: one looks, all know.

A look is claimed by whoever comes first, and what it saw is posted under a number of its own. The
claim is on the look after a known one, so that it needs no clock that is the same everywhere; and
it expires, so that a process that dies while looking holds nobody up for long.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .snapshot import Restore, Snapshot, StateId

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .watched_run import RunKey

#: Seconds that a state and a post are kept; a state that lasts is stored anew in time.
KEPT = 3600.0


@dataclass(frozen=True)
class PollRecord:
    """What is told of a look.

    :param number: names the look.
    :param state: the id of the state seen; ``None``: the workspace wants to be left alone, or the
        run was changed and is to be looked at anew.
    :param pause: seconds after which the next look is due.
    :param at: when the look was made, in seconds since the epoch by the clock of whoever made it.
    :param heeded: the id of the last hint that this look, or one before it, came after.
    """

    number: str
    state: str | None
    delay: float
    at: float
    heeded: str | None = None

    @property
    def is_of_change(self) -> bool:
        """Whether the run was changed, so that no look counts which began before."""
        return self.state is None and self.delay == 0


class SharedRecords:
    """The posts about the runs of one app.

    :param shared: the store.
    :param restore: makes a status of a stored one.
    :param clock: the time.
    :param lease: seconds that a claim holds.
    """

    def __init__(self, shared: SharedCache, restore: Restore, clock: Clock, lease: float) -> None:
        self._shared = shared
        self._restore = restore
        self._clock = clock
        self._lease = lease

    @property
    def is_shared(self) -> bool:
        return self._shared.is_cross_process

    def post(self, run_key: RunKey) -> PollRecord | None:
        """The last post about a run.

        :param target: the run.
        """
        stored = self._shared.get(f"watch:{run_key.key}")
        return None if stored is None else PollRecord(**stored)

    def state(self, run_key: RunKey) -> Snapshot | None:
        """The last state that was stored of a run.

        :param target: the run.
        """
        stored = self._shared.get(f"state:{run_key.key}")
        state = None if stored is None else StateId.parse(stored["id"])
        return None if state is None else Snapshot(state, stored["data"], self._restore)

    def store(self, run_key: RunKey, snapshot: Snapshot) -> None:
        """Keep a state, in place of the one before.

        :param target: the run.
        :param snapshot: the state.
        """
        entry = {"id": str(snapshot.id), "data": snapshot.data}
        self._shared.set(f"state:{run_key.key}", entry, KEPT)

    def tell(
        self, run_key: RunKey, snapshot: Snapshot | None, delay: float, heeded: str | None = None
    ) -> str:
        """Post what a look gave.

        :param target: the run.
        :param snapshot: the state seen, which is stored already; ``None``: there is none to rely
            on.
        :param pause: seconds until the next look.
        :param heeded: the id of the last hint that it came after.
        :return: the number of the look.
        """
        state = None if snapshot is None else str(snapshot.id)
        post = PollRecord(uuid.uuid4().hex[:12], state, delay, self._clock.now(), heeded)
        self._shared.set(f"watch:{run_key.key}", asdict(post), KEPT)
        return post.number

    def claim(self, run_key: RunKey, after: str) -> bool:
        """Whether it is for this process to make the next look.

        :param target: the run.
        :param after: the number of the last look.
        """
        return self._shared.add(f"look:{run_key.key}:{after}", True, self._lease)

    def release(self, run_key: RunKey, after: str) -> None:
        """Let another process make the look that was claimed.

        :param target: the run.
        :param after: the number of the last look.
        """
        self._shared.delete(f"look:{run_key.key}:{after}")

    def forget(self, run_key: RunKey) -> None:
        """Let nobody rely on what was seen of a run.

        That is posted too, for those who look just now, and so that the next look has a number that
        nobody has claimed.

        :param target: the run.
        """
        if self.is_shared:
            self.tell(run_key, None, 0.0)
