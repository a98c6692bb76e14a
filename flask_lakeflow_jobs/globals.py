"""The jobs of the app that is current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app, has_app_context

if TYPE_CHECKING:
    from .config.jobs import Policy
    from .handle import JobHandle
    from .identity import UserLoader
    from .jobs import Jobs
    from .web.responses import Answers
    from .web.sse.handoff.writer import Pusher
    from .web.sse.limits import StreamSlots

EXTENSION = "lakeflow_jobs"


@dataclass(frozen=True)
class State:
    """What an app keeps of the extension.

    :param jobs: its jobs.
    :param policy: who may do what, if the extension was given one.
    :param user_loader: tells who asks, if the extension was given one.
    :param stream_slots: the streams that this process holds.
    :param pusher: writes the streams that hold no thread.
    :param answers: what reads over HTTP were answered with.
    """

    jobs: Jobs
    policy: Policy | None
    user_loader: UserLoader | None
    stream_slots: StreamSlots
    pusher: Pusher
    answers: Answers


def current_state() -> State:
    """The state of the app that is current.

    :raises RuntimeError: no app is current, or it is not set up.
    """
    if not has_app_context():
        raise RuntimeError(
            "current_jobs works inside an app context only: in a view, in a command, or inside"
            " 'with app.app_context():'."
        )
    state = current_app.extensions.get(EXTENSION)
    if state is None:
        raise RuntimeError(
            "This app has no Lakeflow Jobs: call LakeflowJobs(app), or init_app(app) on the"
            " extension, when the app is made."
        )
    return cast("State", state)


class CurrentJobs(Mapping[str, "JobHandle"]):
    """The jobs of whichever app is current, by key and read-only.

    Every access outside an app context, or in an app that is not set up, raises a
    :class:`RuntimeError` that says which of the two it is.
    """

    def __getitem__(self, key: str) -> JobHandle:
        return current_state().jobs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(current_state().jobs)

    def __len__(self) -> int:
        return len(current_state().jobs)

    def __repr__(self) -> str:
        try:
            return repr(current_state().jobs)
        except RuntimeError:
            return "<Jobs of no app>"


#: The jobs of the current app by key, read-only: ``current_jobs["etl"]``.
current_jobs = CurrentJobs()
