"""An iterator over the states of a run, for Python code that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import RunTimeout
from ..runs.outcome import RunStatus

if TYPE_CHECKING:
    from ..clock import Clock
    from .hub import Hub
    from .watched_run import RunKey

#: The last error of a run that has not been polled yet.
NOT_POLLED_YET = "The workspace has not responded yet."


class RunWatch(Iterator[RunStatus]):
    """The states of a run as they change. The last one is terminal."""

    def __init__(self, run_id: int, states: Iterator[RunStatus]) -> None:
        self.run_id = run_id
        self._states = states

    def __next__(self) -> RunStatus:
        return next(self._states)


def iterate_run(
    run_key: RunKey, hub: Hub, clock: Clock, seconds: float, check_open: Callable[[], object]
) -> Iterator[RunStatus]:
    """Yield the states of a run as they change. The last one is terminal.

    :param seconds: the timeout, from the first call of ``next`` on.
    :param check_open: raises an error if the caller may not continue, such as a closed handle.
    :raises RunTimeout: the run has not ended in time. It continues.
    """
    check_open()
    remaining = seconds
    deadline = clock.monotonic() + remaining
    last_error: str | None = NOT_POLLED_YET
    with closing(hub.subscribe(run_key)) as subscription:
        while True:
            for update in subscription.wait(remaining):
                if update.error is not None:
                    raise update.error
                if update.snapshot is not None:
                    yield update.snapshot.status
                transient_error = update.transient_error
                last_error = None if transient_error is None else transient_error.detail
            check_open()
            remaining = deadline - clock.monotonic()
            if subscription.is_finished:
                return
            if remaining <= 0:
                raise RunTimeout(run_key.run_id, seconds, last_error=last_error)
