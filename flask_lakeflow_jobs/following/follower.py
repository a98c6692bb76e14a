"""Following: one process of the app polls the unfinished runs of the record to their end.

It subscribes to them like a viewer, so the hub polls them, and no run is polled twice.
A lease decides which process it is.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..cache import hash_json
from ..concurrency import Spawn, run_in_each_process, run_in_thread, run_inline
from ..errors import LakeflowJobsError, RunNotFound
from ..watching.subscription import Subscription, Wakeup
from .job_selection import choose_jobs, choose_runs

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..record.store import Record
    from ..watching.hub import Hub
    from ..watching.watched_run import RunKey
    from .ends import EndRecorder
    from .run_finder import RunFinder

#: A run that cannot be read for a lasting reason, such as missing permissions, is read again.
ERROR_WAIT_SECONDS = 60.0

#: A run that may belong to another workspace, which the app used before, is read again.
MISSING_WAIT_SECONDS = 3600.0

#: So many of the oldest unfinished runs are followed at once. Those that cannot be read are extra.
MAX_UNFINISHED_RUNS = 1_000

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
        """Acquire or renew the lease. A record that cannot be reached counts as failing.

        :return: whether this process holds it. If the record cannot be reached, a lease that was
            acquired lasts until its end, because no other process can acquire it before.
        """
        started = self._clock.monotonic()
        acquire = partial(self._record.acquire_lease, self._name, self._holder, self._seconds)
        try:
            is_acquired = self._record.attempt(acquire)
        except Exception as error:
            _log.debug("The lease on following could not be renewed: %s", error)
            return self.is_held
        if is_acquired is not None:
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


class Follower:
    """Follows the unfinished runs of the record while this process holds the lease.

    :param ends: records ends that the hub's own call may have failed to record. Its deliveries are
        made at every step, also in processes that do not hold the lease.
    :param finder: searches for runs that were started elsewhere, while the lease is held.
    :param spawn: runs a search in the background; ``None``: in the thread that calls
        :meth:`step`.
    """

    def __init__(
        self,
        record: Record,
        hub: Hub,
        jobs: Mapping[str, Job],
        clock: Clock,
        ends: EndRecorder,
        finder: RunFinder,
        *,
        poll_interval: float,
        lease_seconds: float = LEASE_SECONDS,
        spawn: Spawn | None = run_in_thread,
    ) -> None:
        self._record = record
        self._hub = hub
        self._jobs = jobs
        self._clock = clock
        self._ends = ends
        self._finder = finder
        self._poll_interval = poll_interval
        self._lease_seconds = lease_seconds
        self._spawn = spawn or run_inline
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        jobs = choose_jobs(self._jobs)
        self._lease = FollowerLease(self._record, jobs, self._clock, self._lease_seconds)
        self._subscriptions: dict[RunKey, Subscription] = {}
        self._skipped_until: dict[RunKey, float] = {}
        self._search_at = self._clock.monotonic()
        self._is_searching = False
        self._is_leading = False
        self._is_stopped = False
        # No Event: a signal handler that sets one may wait for a lock that its own thread holds.
        self._wakeup = Wakeup()

    @property
    def is_leading(self) -> bool:
        """True if this process follows the runs."""
        return self._is_leading

    @property
    def run_count(self) -> int:
        """The number of runs that this process follows."""
        return len(self._subscriptions)

    def run(self, report: Callable[[], None] = lambda: None) -> None:
        """Follow runs until :meth:`stop` is called.

        :param report: called after each step.
        """
        try:
            while not (self._is_stopped or self._hub.is_closing()):
                try:
                    delay = self.step()
                except Exception:
                    _log.exception("Unexpected error while following runs.")
                    delay = self._lease.renewal_delay
                report()
                self._wakeup.wait(delay)
        finally:
            self._leave()
            self._lease.release()

    def stop(self) -> None:
        """End :meth:`run`. It may be called from a signal handler."""
        self._is_stopped = True
        self._wakeup()

    def step(self) -> float:
        """Renew the lease; while it is held, follow the runs that are unfinished now.

        :return: seconds until the next step.
        """
        self._ends.outbox.wake()
        held = self._lease.renew()
        if held != self._is_leading:
            self._is_leading = held
            _log.info("This process %s the app's runs.", "follows" if held else "no longer follows")
        if held:
            chosen = choose_jobs(self._jobs)
            identifiers = {job.job_id for job in chosen.values()}, chosen.keys()
            skipped = self._skipped()
            limit = MAX_UNFINISHED_RUNS + len(skipped)
            try:
                unfinished = self._record.list_unfinished_runs(*identifiers, limit)
                self._follow(choose_runs(unfinished, self._jobs, skipped))
            except Exception as error:  # of a database that is down or restarts
                _log.debug("The unfinished runs could not be read: %s", error)
            self._search()
        else:
            self._leave()
        return min(self._poll_interval, self._lease.renewal_delay)

    def _follow(self, run_keys: Sequence[RunKey]) -> None:
        """Subscribe to these runs, and leave all others."""
        for run_key in self._subscriptions.keys() - set(run_keys):
            self._subscriptions.pop(run_key).close()
        for run_key in run_keys:
            subscription = self._subscriptions.get(run_key)
            if subscription is None:
                self._subscriptions[run_key] = self._hub.subscribe(run_key)
                continue
            subscription.collect()
            if subscription.is_finished:
                self._end(run_key)

    def _end(self, run_key: RunKey) -> None:
        """Handle a run that the hub no longer polls though the record has no end of it."""
        subscription = self._subscriptions.pop(run_key)
        state = subscription.watched_runs[0].state
        subscription.close()
        if state.error is None and state.snapshot is not None:
            self._ends.finish(run_key, state.snapshot.status)
            return
        is_missing = isinstance(state.error, RunNotFound)
        if is_missing and self._ends.abandon(run_key):
            return
        wait = MISSING_WAIT_SECONDS if is_missing else ERROR_WAIT_SECONDS
        self._skipped_until[run_key] = self._clock.monotonic() + wait
        _log.warning(
            "Run %s of %s cannot be followed. Next try in %g s: %s",
            *(run_key.run_id, run_key.job.key, wait, state.error),
        )

    def _skipped(self) -> set[RunKey]:
        now = self._clock.monotonic()
        self._skipped_until = {key: at for key, at in self._skipped_until.items() if at > now}
        return set(self._skipped_until)

    def _search(self) -> None:
        """Find runs that were started elsewhere, once per poll interval."""
        now = self._clock.monotonic()
        if self._is_searching or now < self._search_at:
            return
        self._search_at, self._is_searching = now + self._poll_interval, True
        self._spawn(self._run_search)

    def _run_search(self) -> None:
        try:
            self._finder.find()
        except LakeflowJobsError as error:
            _log.info("Runs that were started elsewhere could not be found: %s", error)
        except Exception:
            _log.exception("Unexpected error while runs were searched for.")
        finally:
            self._is_searching = False

    def _leave(self) -> None:
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions = {}
