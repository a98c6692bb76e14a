"""The lease on following some jobs: one process of the app has it at a time."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..cache import hash_json

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.store import Record

#: The lease of a process that dies ends after so long.
LEASE_SECONDS = 15.0

#: The lease is renewed so many times while it lasts.
RENEWALS_PER_LEASE = 3

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class FollowerLease:
    """The right of this process to follow the runs of some jobs.

    Processes that know other jobs, such as those of another version of the app, have another lease:
    its holder could not follow the runs of these.

    :param jobs: by key.
    :param seconds: how long it lasts without being renewed.
    """

    def __init__(
        self,
        record: Record,
        jobs: Mapping[str, Job],
        clock: Clock,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        identifiers = sorted([key, job.job_id, job.follow] for key, job in jobs.items())
        self._name = f"follow-{hash_json(identifiers)[:32]}"
        self._record = record
        self._clock = clock
        self._seconds = seconds
        self._holder = uuid.uuid4().hex
        self._held_until: float | None = None

    @property
    def renewal_delay(self) -> float:
        """Seconds between two renewals."""
        return self._seconds / RENEWALS_PER_LEASE

    @property
    def is_held(self) -> bool:
        held_until = self._held_until
        return held_until is not None and self._clock.monotonic() < held_until

    def renew(self) -> bool:
        """Acquire or renew the lease.

        :return: whether this process holds it. If the record cannot be reached, a lease that was
            acquired lasts until its end, because no other process can acquire it before.
        """
        started = self._clock.monotonic()
        try:
            is_acquired = self._record.acquire_lease(self._name, self._holder, self._seconds)
        except Exception as error:
            _log.debug("The lease on following could not be renewed: %s", error)
            return self.is_held
        self._held_until = started + self._seconds if is_acquired else None
        return self.is_held

    def release(self) -> None:
        """Give the lease up, so that another process takes over at once."""
        if self._held_until is None:
            return
        self._held_until = None
        try:
            self._record.release_lease(self._name, self._holder)
        except Exception as error:
            _log.debug("The lease on following could not be released: %s", error)
