"""The root errors of failed runs, for lists: one line each, read from the workspace only once.

The workspace's own message says only that a task failed. The error of that task costs a read of the
run and one of its output, so a page reads few of them and remembers all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import LakeflowJobsError, RunNotFound
from ..globals import current_state
from ..reader import cached_reads_of
from ..runs.explanation import find_root_error
from ..runs.outcome import Outcome
from .page_data import RootError, console_state

if TYPE_CHECKING:
    from ..handle import JobHandle

#: Runs of one page whose errors are read. The page has those of the others when it is loaded again.
MAX_READ_RUNS = 5

#: How long a page relies on there being no better error than the workspace's message.
RETRY_SECONDS = 600.0

#: Outcomes with a root error.
FAILURES = frozenset(
    {
        Outcome.FAILED,
        Outcome.INTERNAL_ERROR,
        Outcome.TIMED_OUT,
        Outcome.SUCCEEDED_WITH_FAILURES,
    }
)


class EndedRun(NamedTuple):
    """An end of a run; a repaired run has several.

    :param ended: milliseconds since the epoch.
    """

    run_id: int
    outcome: Outcome
    ended: int | None


def read_root_errors(
    handle: JobHandle, runs: Sequence[EndedRun], max_reads: int | None = None
) -> Mapping[int, str]:
    """Return the root errors of failed runs by run id, as far as they are known or may be read.

    :param runs: of one job; those that did not fail are left out.
    :param max_reads: the runs that may be read, the first ones; ``None``: the limit of one page.
    """
    state, memo = current_state(), console_state().root_errors
    now = state.clock.now()
    reads = cached_reads_of(handle)
    scope = (reads.identity_key, handle.key, handle.job.job_id)
    failed = [run for run in runs if run.outcome in FAILURES and run.ended is not None]
    found = {run: memo.get((*scope, run.run_id, run.ended)) for run in failed}
    missing = [run for run, error in found.items() if error is None or error.read_again <= now]

    def read(run: EndedRun) -> RootError:
        try:
            document = reads.get_run(run.run_id).value
        except RunNotFound:  # the record keeps runs longer than the workspace does
            return RootError("", now + RETRY_SECONDS)
        run_with_tasks = state.upstream.parse_run(document)
        text = find_root_error(run_with_tasks, reads, handle.job.secret_overrides)
        # The document may be from before a repair.
        ended = document.get("end_time") or document.get("start_time") or 0
        is_final = bool(text) and ended == run.ended
        return RootError(text, float("inf") if is_final else now + RETRY_SECONDS)

    try:
        wanted = missing[: MAX_READ_RUNS if max_reads is None else max_reads]
        for run, error in zip(wanted, reads.run_concurrently(read, wanted), strict=True):
            memo.put((*scope, run.run_id, run.ended), error)
            found[run] = error
    except LakeflowJobsError:  # the list is useful without
        pass
    return {run.run_id: error.text for run, error in found.items() if error and error.text}
