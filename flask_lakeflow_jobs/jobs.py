"""The jobs of an app by key, the mapping behind ``current_jobs``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .errors import UnknownJob
from .handle import JobHandle
from .identity import APP
from .state import AppState


class Jobs(Mapping[str, JobHandle]):
    """The jobs of one app by key, read-only."""

    def __init__(self, state: AppState) -> None:
        self._state = state

    def __getitem__(self, key: str) -> JobHandle:
        jobs = self._state.settings.jobs
        if key not in jobs:
            raise UnknownJob(key, jobs)
        return JobHandle(self._state, jobs[key], APP)

    def __contains__(self, key: object) -> bool:
        return key in self._state.settings.jobs

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.settings.jobs)

    def __len__(self) -> int:
        return len(self._state.settings.jobs)

    def __repr__(self) -> str:
        return f"<Jobs {', '.join(self)}>"
