"""The claims of deliveries, as one process sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..clock import Clock
    from ..record.deliveries import Claim

#: A claim lasts for so long after its process has died. A process that runs a receiver renews it.
CLAIM_SECONDS = 60.0

#: Seconds between two renewals. After the first, another thread makes the other deliveries.
RENEWAL_SECONDS = CLAIM_SECONDS / 3

#: Seconds between two checks.
CHECK_SECONDS = 1.0


class ClaimWatch:
    """Finds claims whose processes no longer renew them.

    A process that has seen a claim unchanged for as long as claims last takes it for abandoned. It
    measures this time by its own clock, as those of two processes may differ. While the record is
    unavailable, no process can renew a claim, so the time then begins again.

    :param seconds: how long a claim lasts.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._since: dict[Claim, float] = {}
        self._checked_at = -math.inf

    def begin_again(self) -> None:
        """Count the time of each claim from the next check, because the record was unavailable."""
        self._since = {}

    def find_abandoned(self, read: Callable[[], Sequence[Claim]]) -> list[Claim]:
        """Return the abandoned claims, at most once in ``CHECK_SECONDS``.

        :param read: reads all claims.
        """
        now = self._clock.monotonic()
        if now - self._checked_at < min(CHECK_SECONDS, self._seconds / 10):
            return []
        if now - self._checked_at > self._seconds / 2:
            self.begin_again()
        self._checked_at = now
        self._since = {claim: self._since.get(claim, now) for claim in read()}
        return [claim for claim, since in self._since.items() if now - since >= self._seconds]
