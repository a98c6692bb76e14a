"""Iterators over the states of a run, for Python code that waits for it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import RunTimeout
from ..runs.outcome import RunStatus

if TYPE_CHECKING:
    from ..clock import Clock
    from .hub import Hub
    from .subscription import Subscription
    from .watched_run import RunKey, RunUpdate

#: The last error of a run that has not been polled yet.
NOT_POLLED_YET = "The workspace has not responded yet."


class RunWatch(Iterator[RunStatus]):
    """The states of a run as they change. The last one is terminal.

    Iterate with ``for``, or in a coroutine with ``async for``, which holds no thread. If nothing
    iterates or reads ``run_id``, Python shows a :exc:`RuntimeWarning`: nothing waited for the run.
    """

    _is_used = False

    def __init__(
        self,
        run_id: int,
        states: Iterator[RunStatus],
        open_async: Callable[[], AsyncIterator[RunStatus]],
    ) -> None:
        """Watch a run.

        :param open_async: begins the iteration of a coroutine.
        """
        self._run_id = run_id
        self._states = states
        self._open_async = open_async

    def __repr__(self) -> str:
        return f"<RunWatch of run {self._run_id}>"

    @property
    def run_id(self) -> int:
        """The run's id."""
        self._is_used = True
        return self._run_id

    def __next__(self) -> RunStatus:
        self._is_used = True
        return next(self._states)

    def __aiter__(self) -> AsyncIterator[RunStatus]:
        self._is_used = True
        return self._open_async()

    def __del__(self) -> None:
        if not self._is_used:
            warnings.warn(
                f"The states of run {self._run_id} were never iterated, so nothing waited for it."
                f" Use a 'for' loop, or wait({self._run_id}).",
                RuntimeWarning,
                stacklevel=2,
            )


class StateReader:
    """Reads the states of a run from updates, until its end or the timeout.

    :param seconds: the timeout, from now on.
    :param check_open: raises an error if the caller may not continue, such as a closed handle.
    """

    def __init__(
        self, run_key: RunKey, clock: Clock, seconds: float, check_open: Callable[[], object]
    ) -> None:
        check_open()
        self._run_id = run_key.run_id
        self._clock = clock
        self._seconds = seconds
        self._check_open = check_open
        self._deadline = clock.monotonic() + seconds
        self._last_error: str | None = NOT_POLLED_YET
        #: Seconds to wait for the next updates.
        self.remaining = seconds

    def read(self, updates: Sequence[RunUpdate]) -> Iterator[RunStatus]:
        """Yield the states of updates.

        :raises LakeflowJobsError: the run cannot be polled any more.
        """
        for update in updates:
            if update.error is not None:
                raise update.error
            if update.snapshot is not None:
                yield update.snapshot.status
            transient_error = update.transient_error
            self._last_error = None if transient_error is None else transient_error.detail

    def is_finished(self, subscription: Subscription) -> bool:
        """Return whether the run has ended.

        :raises RunTimeout: the run has not ended in time. It continues.
        """
        self._check_open()
        self.remaining = self._deadline - self._clock.monotonic()
        if subscription.is_finished:
            return True
        if self.remaining <= 0:
            raise RunTimeout(self._run_id, self._seconds, last_error=self._last_error)
        return False


def iterate_run(
    run_key: RunKey,
    hub: Hub,
    clock: Clock,
    seconds: float,
    check_open: Callable[[], object],
    on_end: Callable[[RunStatus], object] | None = None,
) -> Iterator[RunStatus]:
    """Yield the states of a run as they change. The last one is terminal.

    :param seconds: the timeout, from the first call of ``next`` on.
    :param check_open: raises an error if the caller may not continue, such as a closed handle.
    :param on_end: called before a terminal state is yielded.
    :raises RunTimeout: the run has not ended in time. It continues.
    """
    reader = StateReader(run_key, clock, seconds, check_open)
    with closing(hub.subscribe(run_key)) as subscription:
        while True:
            for status in reader.read(subscription.wait(reader.remaining)):
                if on_end is not None and status.is_terminal:
                    on_end(status)
                yield status
            if reader.is_finished(subscription):
                return


async def iterate_run_async(
    run_key: RunKey,
    hub: Hub,
    clock: Clock,
    seconds: float,
    check_open: Callable[[], object],
    on_end: Callable[[RunStatus], object] | None = None,
) -> AsyncIterator[RunStatus]:
    """Yield what :func:`iterate_run` does, without a thread that waits for the end."""
    import asyncio  # few apps have coroutines

    reader = StateReader(run_key, clock, seconds, check_open)
    with closing(hub.subscribe(run_key)) as subscription:
        while True:
            for status in reader.read(await subscription.wait_async(reader.remaining)):
                if on_end is not None and status.is_terminal:
                    await asyncio.to_thread(on_end, status)
                yield status
            if reader.is_finished(subscription):
                return
