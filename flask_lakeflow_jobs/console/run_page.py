"""A run as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import LakeflowJobsError
from ..globals import current_state
from ..handle import cached_reads_of
from ..runs.ids import normalize_page_url
from ..runs.outcome import Outcome, has_ended, outcome_of
from ..watching.snapshot import state_id
from . import filters, queries, summaries, tasks
from .graph import Graph, build_graph
from .queries import LAST_RUNS, May
from .summaries import Summary
from .timeline import Timeline, timeline

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import Run
    from ..web.auth import Authorizer

#: The failed tasks whose errors are shown; more would not be read.
MOST_CAUSES = 5


@dataclass(frozen=True)
class Cause:
    """A task that a run failed by.

    :param key: the task's.
    :param attempt: counted from 1.
    :param line: what went wrong, in one line.
    :param trace: where.
    """

    key: str
    attempt: int
    line: str
    trace: str | None

    @property
    def anchor(self) -> str:
        """The row of the attempt in the time line."""
        return tasks.anchor(self.key, self.attempt)


@dataclass(frozen=True)
class Failure:
    """Why a run ended badly.

    :param causes: the tasks that it failed by, the first to fail first.
    :param more: how many others there are.
    :param message: what the workspace says, where no task is to blame.
    :param code: the workspace's word for it.
    :param hint: what to do.
    """

    causes: Sequence[Cause]
    more: int
    message: str
    code: str | None
    hint: str | None


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it.

    :param state_id: names the state that is shown.
    :param parameters: name → value.
    :param efforts: the first run and its repairs, where there was a repair.
    :param expected_end: milliseconds since the epoch, where something is expected.
    :param failure: why it ended badly, if it did.
    :param url: its page in the workspace.
    :param seen_at: when this was true, in milliseconds since the epoch, where the workspace cannot
        be asked.
    :param now: milliseconds since the epoch.
    """

    job: Job
    may: May
    run: Summary
    state_id: str
    timeline: Timeline
    graph: Graph
    parameters: dict[str, str]
    efforts: Sequence[Summary]
    expected_end: int | None
    failure: Failure | None
    url: str | None
    seen_at: float | None
    now: float

    @property
    def is_over(self) -> bool:
        return not self.run.is_going

    @property
    def may_cancel(self) -> bool:
        is_ending = self.run.state.outcome is Outcome.TERMINATING
        return self.may.cancel and not self.is_over and not is_ending

    @property
    def may_repair(self) -> bool:
        ended_well = self.run.state.outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED)
        return self.may.repair and self.is_over and not ended_well

    @property
    def done(self) -> int:
        """How many tasks have ended."""
        return sum(row.is_last and row.ended is not None for row in self.timeline.rows)


def run_view(authorizer: Authorizer, handle: JobHandle, run_id: int) -> RunView:
    """A run as its page shows it.

    :param authorizer: decides what the requester may do.
    :param handle: on its job.
    :param run_id: the run.
    """
    run, seen = queries.run_of(handle, run_id)
    moment, state = queries.now(), str(state_id(seen.value))
    expected = None if has_ended(run) else _expected_end(handle, run, moment)
    line = timeline(run, moment, expected)
    return RunView(
        job=handle.job,
        may=queries.rights(authorizer, handle),
        run=summaries.summary(run, moment, queries.who_parameter()),
        state_id=state,
        timeline=line,
        graph=build_graph(run, line.rows),
        parameters=summaries.parameters_of(run),
        efforts=_efforts(handle, run, state, moment),
        expected_end=expected,
        failure=_failure(handle, run),
        url=normalize_page_url(run.run_page_url),
        seen_at=queries.seen_at(seen, moment),
        now=moment,
    )


def _expected_end(handle: JobHandle, run: Run, moment: float) -> int | None:
    try:
        past = handle.list_runs(LAST_RUNS)
    except LakeflowJobsError:  # an expectation is not worth a failure
        return None
    return summaries.expected_end(run, past, moment)


def _efforts(handle: JobHandle, run: Run, state: str, moment: float) -> list[Summary]:
    """What was run for a run; nothing where it was once only.

    A repair gives its tasks further attempts, so that a run without any needs no further read.
    """
    if run.run_id is None or not any(task.attempt_number for task in run.tasks or []):
        return []
    try:
        seen = cached_reads_of(handle, stale_if_error=True).get_repairs(run.run_id, state=state)
    except LakeflowJobsError:  # what else is known of the run is still worth showing
        return []
    # how an effort went is told in the fields of a run
    found = [current_state().upstream.parse_run(item) for item in seen.value["items"]]
    found.sort(key=lambda effort: effort.start_time or 0)
    return [summaries.summary(effort, moment) for effort in found] if len(found) > 1 else []


def _failure(handle: JobHandle, run: Run) -> Failure | None:
    if not has_ended(run) or outcome_of(run) is Outcome.SUCCEEDED or run.run_id is None:
        return None
    try:
        explained = handle.explain(run.run_id)
    except LakeflowJobsError:  # what else is known of the run is still worth showing
        return None
    causes = [
        Cause(
            key=task.task_key,
            attempt=task.attempt + 1,
            line=_first_line(task.error or task.message) or task.outcome.label,
            trace=task.error_trace,
        )
        for task in explained.tasks
    ]
    return Failure(
        causes=causes[:MOST_CAUSES],
        more=len(causes[MOST_CAUSES:]),
        message=explained.message,
        code=explained.termination_code,
        hint=filters.HINTS.get(explained.termination_code or ""),
    )


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
