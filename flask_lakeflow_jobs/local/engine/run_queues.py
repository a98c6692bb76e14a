"""The runs of each job that count against its ``max_concurrent_runs``, and its queue."""

from __future__ import annotations

from collections import defaultdict

from ..model import JobRun


class RunQueues:
    """The running and the queued runs of each job, by their ids."""

    def __init__(self) -> None:
        self._running: defaultdict[int, set[int]] = defaultdict(set)
        self._queued: defaultdict[int, dict[int, None]] = defaultdict(dict)

    def track(self, run: JobRun) -> None:
        """Count a run by its current state."""
        running, queued = self._running[run.job_id], self._queued[run.job_id]
        if run.state.life_cycle == "QUEUED":
            queued[run.run_id] = None
        else:
            queued.pop(run.run_id, None)
            if run.is_active:
                running.add(run.run_id)
            else:
                running.discard(run.run_id)
        if not running and not queued:
            del self._running[run.job_id], self._queued[run.job_id]

    def running_runs(self, job_id: int) -> int:
        """Return the number of runs of a job that run now."""
        return len(self._running.get(job_id, ()))

    def next_queued(self, job_id: int) -> int | None:
        """Return the id of the run of a job that has been queued longest."""
        return next(iter(self._queued.get(job_id, ())), None)
