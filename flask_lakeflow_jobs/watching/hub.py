"""Who watches runs, and when they are looked at: one watch a run, for any number of viewers.

A watch starts with its first viewer and stops with its last. One thread knows when each look is
due; the looks themselves are made in threads of their own, so that a slow one holds up no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..concurrency import Spawn, call_in_forked_children, run_in_thread, run_inline
from .history import History, Outlook
from .lease import TICK, LeaseCoordinator
from .notifications import Notification, Notifications
from .poller import TOGETHER, OnChange, RunPoller, StateChangeDispatcher, pages
from .shared_record import SharedRecords
from .subscription import Subscription
from .watched_run import WatchedRun

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .snapshot import StateId
    from .source import RunSource
    from .watched_run import RunKey

#: Looks that are made at the same time.
MOST_LOOKS = 16


_log = logging.getLogger("flask_lakeflow_jobs.polling")


class Hub:
    """The watches of one app.

    :param reader: looks upstream.
    :param tell: is told of each new state, once in this process.
    :param shared: what the app's processes share.
    :param clock: the time.
    :param poll_interval: seconds; the longest pause between two looks.
    :param settled_for: seconds that the end of a run that others saw is believed.
    :param takes_hints: whether there may be hints, in this process or in others.
    :param is_closing: whether the process is about to end; its viewers are woken then.
    :param spawn: runs a look beside everything else; ``None``: only :meth:`step` makes looks, in
        the thread that calls it.
    """

    def __init__(
        self,
        source: RunSource,
        tell: OnChange,
        shared: SharedCache,
        clock: Clock,
        *,
        poll_interval: float,
        terminal_ttl: float,
        accepts_notifications: bool = False,
        is_closing: Callable[[], bool] = lambda: False,
        spawn: Spawn | None = run_in_thread,
    ) -> None:
        self._source = source
        self._on_change = tell
        self._shared = shared
        self._clock = clock
        self._poll_interval = poll_interval
        self._settled_for = terminal_ttl
        self._takes_hints = accepts_notifications
        self.is_closing = is_closing
        self._spawn = spawn
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._changed = threading.Condition()
        self._watched_runs: dict[RunKey, WatchedRun] = {}
        self._ticks = False
        self._under_way = 0
        self._dispatcher = StateChangeDispatcher(self._on_change)
        self._notifications = Notifications(self._shared, self._clock)
        lease = max(2.0, self._poll_interval)
        self._records = SharedRecords(self._shared, self._source.restore, self._clock, lease)
        history = History(self._source, self._shared, self._clock)
        self._poller = RunPoller(
            self._source,
            LeaseCoordinator(self._records, self._clock, patience=lease + TICK),
            self._records,
            Outlook(history, self._clock, self._poll_interval),
            self._dispatcher,
            self._watched_in,
            self._clock,
            poll_interval=self._poll_interval,
            terminal_ttl=self._settled_for,
            spawn=self._spawn or run_inline,
        )

    @property
    def subscribed_run_count(self) -> int:
        """How many runs are watched now."""
        with self._changed:
            return sum(watched_run.viewers > 0 for watched_run in self._watched_runs.values())

    def subscribe(
        self, run_keys: Sequence[RunKey], seen: Mapping[RunKey, StateId] | None = None
    ) -> Subscription:
        """Follow runs; close the subscription when done.

        :param targets: the runs.
        :param seen: the states that the viewer already has.
        """
        seen = seen or {}
        with self._changed:
            self._start_to_tick()
            watched_runs = [
                self._watched_run(run_key, seen.get(run_key)) for run_key in dict.fromkeys(run_keys)
            ]
            for watched_run in watched_runs:
                watched_run.viewers += 1
            self._changed.notify()
        return Subscription(watched_runs, seen, clock=self._clock, leave=self._leave)

    def invalidate(self, run_key: RunKey) -> None:
        """Believe nothing that was seen of a run: it was just changed.

        :param target: the run.
        """
        with self._changed:
            watched_run = self._watched_runs.get(run_key)
            if watched_run is not None:
                watched_run.due = self._clock.monotonic()
                watched_run.is_changed_meanwhile = watched_run.is_being_looked_at
                self._changed.notify()
        self._records.forget(run_key)  # after the mark: a look that misses the one finds the other

    def reset(self, run_key: RunKey) -> None:
        """Forget a run that goes on after its end, and announce its states anew.

        :param target: the run.
        """
        self._dispatcher.forget(run_key)
        self.invalidate(run_key)

    def invalidate_job(self, job_id: int) -> None:
        """Believe nothing that was seen of the runs of a job: they were just changed.

        :param job_id: the job's id in the workspace.
        """
        with self._changed:
            run_keys = [run_key for run_key in self._watched_runs if run_key.job.job_id == job_id]
        for run_key in run_keys:
            self.invalidate(run_key)

    def receive_notification(self, job_id: int, run_id: int, run_keys: Sequence[RunKey]) -> None:
        """Look at a run at once, since there may be news of it, as whomever it is watched, here and
        in the other processes.

        :param job_id: the id of its job in the workspace.
        :param run_id: the run.
        :param targets: the same run, as it is to be looked at even if nobody watches it.
        """
        hint = self._notifications.publish(job_id, run_id)
        with self._changed:
            self._start_to_tick()
            self._poll_now(hint)  # so that what had ended is watched anew
            for run_key in run_keys:
                self._watched_run(run_key)
            self._poll_now(hint)

    def _receive_notifications(self) -> None:
        """Take the hints that other processes were given; they look at what nobody watches."""
        receive = self._notifications.receive()
        with self._changed:
            for hint in receive:
                self._poll_now(hint)

    def _poll_now(self, hint: Notification) -> None:
        now = self._clock.monotonic()
        for run_key, watched_run in self._watched_runs.items():
            if hint.is_about(run_key):
                watched_run.hint = hint.id
                if (
                    not watched_run.failures
                ):  # else the workspace is to be left alone until the next look
                    watched_run.due = now
                watched_run.is_due_again = watched_run.is_being_looked_at
        self._changed.notify()

    def _start_to_tick(self) -> None:
        if self._spawn is not None and not self._ticks:
            threading.Thread(target=self._run, name="lakeflow-watch", daemon=True).start()
            self._ticks = True

    def _watched_run(self, run_key: RunKey, seen: StateId | None = None) -> WatchedRun:
        """The watch of a run; a new one where the known one is too old for who has seen that."""
        now, watched_run = self._clock.monotonic(), self._watched_runs.get(run_key)
        is_finished = watched_run is not None and (
            watched_run.state.is_final or not watched_run.viewers
        )
        if (
            watched_run is None
            or (is_finished and watched_run.due <= now)
            or watched_run.has_ended_before(seen)
        ):
            watched_run = self._watched_runs[run_key] = WatchedRun(run_key, now)
        return watched_run

    def _leave(self, watched_runs: Sequence[WatchedRun]) -> None:
        with self._changed:
            for watched_run in watched_runs:
                watched_run.viewers -= 1
            self._changed.notify()

    # ── when ──────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while True:
            try:
                delay = self.step()
            except Exception:
                _log.exception("Unexpected error while polling the runs that are due.")
                delay = TICK
            with self._changed:
                if not self._watched_runs:
                    self._ticks = False
                    return
                self._changed.wait(min(delay, TICK))
            if self.is_closing():
                self._wake_all()

    def _wake_all(self) -> None:
        with self._changed:
            watched_runs = list(self._watched_runs.values())
        for watched_run in watched_runs:
            watched_run.wake()

    def step(self) -> float:
        """Make the looks that are due.

        :return: seconds until others are.
        """
        now = self._clock.monotonic()
        spawn = self._spawn or run_inline
        if self._takes_hints and self._notifications.is_due:
            spawn(self._receive_notifications)
        for watched_runs in self._take_due(now):
            spawn(lambda watched_runs=watched_runs: self._look_at(watched_runs))  # type: ignore[misc]
        with self._changed:
            if self._under_way >= MOST_LOOKS:
                return self._poll_interval  # the end of a look comes first
            next_due = min(
                (watched_run.due for watched_run in self._waiting()),
                default=now + self._poll_interval,
            )
        return max(0.0, next_due - self._clock.monotonic())

    def _waiting(self) -> list[WatchedRun]:
        """The watches whose next look is to come."""
        return [
            watched_run
            for watched_run in self._watched_runs.values()
            if watched_run.is_wanted
            and not (watched_run.is_being_looked_at or watched_run.state.is_final)
        ]

    def _drop_left(self, now: float) -> None:
        """Let go of what nobody views; until its next look is due, a new viewer is told of it."""
        for run_key, watched_run in list(self._watched_runs.items()):
            if watched_run.due <= now and not (
                watched_run.is_wanted or watched_run.is_being_looked_at
            ):
                del self._watched_runs[run_key]

    def _take_due(self, now: float) -> list[list[WatchedRun]]:
        with self._changed:
            self._drop_left(now)
            groups: dict[str, list[WatchedRun]] = {}
            for watched_run in self._waiting():
                groups.setdefault(watched_run.run_key.group, []).append(watched_run)
            taken = []
            for watched_runs in groups.values():
                due = [watched_run for watched_run in watched_runs if watched_run.due <= now]
                if due and self._under_way < MOST_LOOKS:
                    # What is read together costs the pages of a list, and serves the whole group.
                    is_cheap = len(watched_runs) >= TOGETHER and pages(len(watched_runs)) <= len(
                        due
                    )
                    served = watched_runs if is_cheap else due
                    for watched_run in served:
                        watched_run.is_being_looked_at = True
                    self._under_way += 1
                    taken.append(served)
            return taken

    def _watched_in(self, group: str) -> int:
        """How many runs of a group are watched and go on."""
        with self._changed:
            return sum(
                run_key.group == group
                and watched_run.viewers > 0
                and not watched_run.state.is_final
                for run_key, watched_run in self._watched_runs.items()
            )

    def _look_at(self, watched_runs: Sequence[WatchedRun]) -> None:
        try:
            self._poller.make(watched_runs)
        except Exception:
            _log.exception("Unexpected error while polling %d runs.", len(watched_runs))
        finally:
            with self._changed:
                now = self._clock.monotonic()
                for watched_run in watched_runs:
                    if watched_run.is_due_again or watched_run.is_changed_meanwhile:
                        watched_run.due = now
                    elif watched_run.due <= now and not watched_run.state.is_final:
                        watched_run.due = now + TICK
                    watched_run.is_being_looked_at = False
                    watched_run.is_due_again = watched_run.is_changed_meanwhile = False
                self._under_way -= 1
                self._changed.notify()
