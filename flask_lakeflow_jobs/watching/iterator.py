"""Following a run from Python, for as long as somebody wants to wait."""

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

#: The last error of a run that was not polled yet.
NOT_POLLED_YET = "The workspace has not responded yet."


class RunWatch(Iterator[RunStatus]):
    """The states of a run as they come, the terminal one last.

    :param run_id: the run.
    :param states: what is iterated.
    """

    def __init__(self, run_id: int, states: Iterator[RunStatus]) -> None:
        self.run_id = run_id
        self._states = states

    def __next__(self) -> RunStatus:
        return next(self._states)


def iterate_run(
    run_key: RunKey, hub: Hub, clock: Clock, seconds: float, may_go_on: Callable[[], object]
) -> Iterator[RunStatus]:
    """The states of a run as they come, the terminal one last.

    :param target: the run.
    :param hub: what watches it.
    :param clock: the time.
    :param seconds: how long to wait, from the first state that is asked for on.
    :param may_go_on: raises where nobody may go on, since the handle is closed, say.
    :raises RunTimeout: it has not ended in time, and goes on.
    """
    may_go_on()
    left = seconds
    deadline = clock.monotonic() + left
    last_error: str | None = NOT_POLLED_YET
    with closing(hub.subscribe([run_key])) as subscription:
        while True:
            for item in subscription.wait(left):
                if item.error is not None:
                    raise item.error
                if item.snapshot is not None:
                    yield item.snapshot.status
                last_error = (
                    item.transient_error.detail if item.transient_error is not None else None
                )
            may_go_on()
            left = deadline - clock.monotonic()
            if subscription.is_finished:
                return
            if left <= 0:
                raise RunTimeout(run_key.run_id, seconds, last_error=last_error)
