"""How many runs of each job are going, and which wait for their turn."""

from __future__ import annotations

from collections import defaultdict

from ..model import JobRun


class RunLimits:
    """Keeps each job's runs within ``max_concurrent_runs``."""

    def __init__(self) -> None:
        self._going: defaultdict[int, set[int]] = defaultdict(set)
        self._waiting: defaultdict[int, dict[int, JobRun]] = defaultdict(dict)

    def has_room(self, run: JobRun) -> bool:
        """Whether one more run of the same job may go."""
        return len(self._going[run.job_id]) < limit_of(run)

    def enter(self, run: JobRun) -> None:
        """Count a run among those that are going."""
        self._waiting[run.job_id].pop(run.run_id, None)
        self._going[run.job_id].add(run.run_id)

    def wait(self, run: JobRun) -> None:
        """Line a run up behind those of its job that wait already."""
        self._waiting[run.job_id][run.run_id] = run

    def leave(self, run: JobRun) -> None:
        """Count a run no more."""
        self._waiting[run.job_id].pop(run.run_id, None)
        self._going[run.job_id].discard(run.run_id)
        if not self._waiting[run.job_id] and not self._going[run.job_id]:
            del self._waiting[run.job_id], self._going[run.job_id]

    def first_waiting(self, job_id: int) -> JobRun | None:
        """The run of a job that has waited longest."""
        return next(iter(self._waiting.get(job_id, {}).values()), None)


def limit_of(run: JobRun) -> int:
    """How many runs of a job may go at once (by default 1)."""
    return int(run.settings.get("max_concurrent_runs", 1))
