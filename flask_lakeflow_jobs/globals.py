"""The jobs of an app by key, and those and the state of the current app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Flask, current_app

from .concurrency import reset_after_late_patch
from .errors import UnknownJob
from .handle import JobHandle
from .identity import APP
from .state import EXTENSION_KEY, AppState


def current_state() -> AppState:
    """Return the state of the current app.

    :raises RuntimeError: there is no app context, or the extension is not set up.
    """
    reset_after_late_patch()
    try:
        state = current_app.extensions.get(EXTENSION_KEY)
    except RuntimeError:  # there is no context
        raise RuntimeError(
            "current_jobs works only inside an app context: in a view, in a command, or inside"
            " 'with app.app_context():'."
        ) from None
    if state is None:
        raise RuntimeError(
            "This app has no Lakeflow Jobs: call LakeflowJobs(app), or init_app(app) on the"
            " extension, when you create the app."
        )
    return cast("AppState", state)


def health(app: Flask) -> dict[str, Any]:
    """Return how the extension is doing in this process, for a health route of the app's own.

    This calls neither the workspace nor the cache. ``status`` is ``degraded`` if the workspace does
    not respond, polls are late, or the shared cache or the record is unavailable; otherwise it is
    ``ok``.

    :raises RuntimeError: the extension is not set up for the app.
    """
    with app.app_context():
        return current_state().health()


class CurrentJobs(Mapping[str, JobHandle]):
    """The jobs of the current app by key, read-only.

    Any access outside an app context, or in an app without the extension, raises a
    :class:`RuntimeError` that says which of the two is the cause.
    """

    def __getitem__(self, key: str) -> JobHandle:
        state = current_state()
        jobs = state.settings.jobs
        if key not in jobs:
            raise UnknownJob(key, jobs)
        return JobHandle(state, jobs[key], APP)

    def __contains__(self, key: object) -> bool:
        return key in current_state().settings.jobs

    def __iter__(self) -> Iterator[str]:
        return iter(current_state().settings.jobs)

    def __len__(self) -> int:
        return len(current_state().settings.jobs)

    def __repr__(self) -> str:
        try:
            return f"<Jobs {', '.join(self)}>"
        except RuntimeError:
            return "<Jobs of no app>"


#: The jobs of the current app by key, read-only: ``current_jobs["etl"]``.
current_jobs = CurrentJobs()
