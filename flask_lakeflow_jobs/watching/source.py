"""How the hub looks upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..runs.outcome import RunStatus
from ..upstream.cached_reads import CachedReads
from .history import ReadsHistory

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run
    from ..upstream.gateway import BoundUpstream, Upstream
    from ..upstream.jobs_api import ApiResponse
    from .watched_run import RunKey

#: Past runs from which the durations of a job are learned: one page.
PAST_RUNS = 25


class RunSource(ReadsHistory, Protocol):
    """What looks at runs upstream."""

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]: ...

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]: ...

    def restore(self, stored: dict[str, Any]) -> RunStatus: ...


class UpstreamSource:
    """Looks at runs through the app's upstream room, which is opened at the first look.

    :param upstream: gives it.
    """

    def __init__(self, upstream: Callable[[], Upstream]) -> None:
        self._upstream = upstream

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        """A run with all its tasks.

        :raises LakeflowJobsError: the look failed.
        """
        reads = CachedReads(self._upstream(), run_key.identity, run_key.job)
        return reads.poll(run_key.run_id)

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        """The runs of a job that go on, with their tasks, at most so many.

        :raises LakeflowJobsError: the look failed.
        """
        return self._bind(run_key).list_active_runs(limit)

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        """The last runs of a job that have ended.

        :raises LakeflowJobsError: the look failed.
        """
        runs = self._bind(run_key).list_runs(PAST_RUNS, completed_only=True)
        return [run.value for run in runs]

    def _bind(self, run_key: RunKey) -> BoundUpstream:
        return self._upstream().bind(run_key.identity, run_key.job)

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        """The status that another process has seen.

        :param stored: its ``to_dict()``.
        """
        run = self._upstream().parse_run(stored["run"])
        return RunStatus(stored["timestamp"], run, stored.get("eta"), stored["run"])
