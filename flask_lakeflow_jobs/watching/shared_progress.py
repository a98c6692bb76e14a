"""The progress that runs report, shared between the processes of an app."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..memo import Memo
from ..runs.progress_reports import (
    WHOLE_RUN,
    Reports,
    merge_reports,
    order_report,
    parse_reports,
)

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from ..runs.progress import Progress

#: How long the reports about a run are kept after the last one.
REPORTS_TTL_SECONDS = 24 * 3600.0

#: Reports that follow faster reach the viewers with the next poll of the run.
MIN_UPDATE_SECONDS = 1.0

#: Runs whose last update a process remembers.
MAX_REMEMBERED_RUNS = 10_000

#: The job id and the run id in the workspace.
RunIds = tuple[int, int]


class SharedProgress:
    """The newest reports about each run.

    Those about one run are one entry of the shared cache. If two processes add to it at the same
    moment, one report may be lost, until the next one of that task.
    """

    def __init__(self, cache: SharedCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._updated_at: Memo[RunIds, float] = Memo(MAX_REMEMBERED_RUNS)

    def add(self, run_ids: RunIds, report: Progress) -> Progress:
        """Add a report, in place of an earlier one about the same task.

        :return: the report with a timestamp after those of the others.
        """
        with self._lock:
            [reports] = self.read([run_ids])
            report = order_report(report, reports)
            merged = merge_reports(reports, {report.task or WHOLE_RUN: report})
            stored = [each.to_dict() for each in merged.values()]
            self._cache.set(progress_key(run_ids), stored, REPORTS_TTL_SECONDS)
        return report

    def is_update_due(self, run_ids: RunIds) -> bool:
        """Return whether viewers get the run's progress now, and note the time if they do."""
        now = self._clock.monotonic()
        last = self._updated_at.get(run_ids)
        if last is not None and now - last < MIN_UPDATE_SECONDS:
            return False
        self._updated_at.put(run_ids, now)
        return True

    def read(self, runs: Sequence[RunIds]) -> list[Reports]:
        """Return the reports about runs, in one round trip."""
        return [parse_reports(each) for each in self._cache.get_many([*map(progress_key, runs)])]

    def discard(self, run_ids: RunIds) -> None:
        """Discard the reports about a run that has ended, or that begins again."""
        self._cache.delete(progress_key(run_ids))


def progress_key(run_ids: RunIds) -> str:
    job_id, run_id = run_ids
    return f"progress:{job_id}:{run_id}"
