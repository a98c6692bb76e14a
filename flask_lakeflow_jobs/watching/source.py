"""Reads of runs for the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..runs.outcome import RunStatus
from ..runs.progress import RunProgress
from ..upstream.cached_reads import CachedReads

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run
    from ..upstream.gateway import BoundUpstream, Upstream
    from ..upstream.jobs_api import ApiResponse
    from .watched_run import RunKey


class RunSource:
    """Reads runs from the workspace. Every read may raise a :class:`LakeflowJobsError`.

    :param upstream: opens the upstream, at the first read.
    """

    def __init__(self, upstream: Callable[[], Upstream]) -> None:
        self._upstream = upstream

    def read_run(self, run_key: RunKey) -> ApiResponse[Run]:
        """Read a run with all its tasks."""
        reads = CachedReads(self._upstream(), run_key.identity, run_key.job)
        return reads.poll(run_key.run_id)

    def read_active_runs(self, run_key: RunKey, limit: int) -> list[ApiResponse[Run]]:
        """Read the active runs of the same job, with their tasks."""
        return self._bind(run_key).list_active_runs(limit)

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        """Read the last runs of the same job that have ended, newest first, with their tasks."""
        return [run.value for run in self._bind(run_key).list_ended_runs()]

    def _bind(self, run_key: RunKey) -> BoundUpstream:
        return self._upstream().bind(run_key.identity, run_key.job)

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        """Rebuild a status from its ``to_dict()``."""
        run = self._upstream().parse_run(stored["run"])
        progress = RunProgress.parse(stored.get("progress"))
        return RunStatus(stored["timestamp"], run, stored.get("eta"), stored["run"], progress)
