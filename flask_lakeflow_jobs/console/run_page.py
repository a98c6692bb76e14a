"""The page of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import LakeflowJobsError
from ..globals import current_state
from ..pages import find_databricks_url
from ..reader import cached_reads_of, parse_efforts
from ..runs.explanation import MAX_READ_TASKS, explain_run
from ..runs.outcome import Outcome, has_ended, outcome_of
from ..runs.progress_reports import select_progress
from ..runs.run_parameters import parameters_of
from ..text import first_line
from ..watching.forecast import expected_end
from ..watching.past_durations import phase_durations
from ..watching.snapshot import compute_state_id
from . import labels, page_data, tasks
from .graph import Graph, build_graph
from .page_data import RECENT_RUNS, Permissions
from .rich_text import render_text
from .summaries import Summary, count_work, summarize_run
from .tasks import (
    MAX_LISTED_TASKS,
    MIN_FILTERED_TASKS,
    NO_FILTER,
    TaskFilter,
    TaskGroup,
    group_rows,
)
from .timeline import Timeline, build_timeline

if TYPE_CHECKING:
    from markupsafe import Markup

    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..record.requesters import RunActions
    from ..runs.progress import Progress, RunProgress
    from ..sdk_types import Run
    from ..web.authorization import Authorizer
    from .page_data import JobTitle
    from .parts import TaskPart
    from .task_markup import TaskMarkup

#: A group of more tasks is closed on a new page, although all tasks are in it.
MAX_OPEN_TASKS = 100


@dataclass(frozen=True)
class Cause:
    """A task that made a run fail.

    :param attempt: counted from 1.
    :param line: the error in one line.
    """

    key: str
    attempt: int
    line: str
    trace: Markup

    @property
    def anchor(self) -> str:
        """The anchor of the attempt's row in the timeline."""
        return tasks.anchor(self.key, self.attempt)

    @property
    def html(self) -> Markup:
        """The line, with colors and links."""
        return render_text(self.line)


@dataclass(frozen=True)
class RunFailure:
    """Why a run failed.

    :param causes: at most :data:`.MAX_READ_TASKS`, first to fail first.
    :param more: the number of further causes.
    :param message: the workspace's, if no task caused the failure.
    """

    causes: Sequence[Cause]
    more: int
    message: str
    code: str | None
    advice: str | None


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it. Times are in milliseconds since the epoch.

    :param actions: who started, canceled and repaired it.
    :param state_id: of the state that the page shows.
    :param repairs: the original run and its repairs, if it was repaired.
    :param expected_end: ``None``: not predictable.
    :param url: its page in the workspace.
    :param stale_since: set if the workspace does not respond.
    :param is_live: the script of the page has requested it.
    """

    job: Job
    title: JobTitle
    may: Permissions
    run: Summary
    actions: RunActions
    state_id: str
    timeline: Timeline
    tasks: TaskMarkup
    graph: Graph
    parameters: dict[str, str]
    repairs: Sequence[Summary]
    expected_end: int | None
    failure: RunFailure | None
    url: str | None
    stale_since: float | None
    now: float
    progress: RunProgress | None
    filter: TaskFilter
    is_live: bool

    @property
    def bars(self) -> list[tuple[Progress, str | None]]:
        """The progress of the run and its tasks, each with the anchor of the task's row."""
        if self.progress is None:
            return []
        anchors = {row.key: row.anchor for row in self.timeline.rows if row.is_last}
        whole = [(self.progress, None)] if self.progress.task is None else []
        tasks = [(each, anchors.get(key)) for key, each in self.progress.tasks.items()]
        return [*whole, *tasks]

    @cached_property
    def groups(self) -> Sequence[TaskGroup]:
        """The attempts by the state of their task."""
        return group_rows(self.timeline.rows)

    def opens(self, group: TaskGroup) -> bool:
        """Return whether a group is open on a new page: also if all tasks ended alike.

        An update opens none: pages would receive the whole markup for it.
        """
        is_only = group.count == len(self.graph.nodes) <= MAX_OPEN_TASKS
        return group.is_open or (is_only and self.is_over and not self.is_live)

    @property
    def is_grouped(self) -> bool:
        return len(self.graph.nodes) > MAX_LISTED_TASKS

    @property
    def has_filters(self) -> bool:
        return len(self.graph.nodes) >= MIN_FILTERED_TASKS

    def in_order(self, rows: Mapping[str, Sequence[TaskPart]]) -> list[TaskPart]:
        """Return rows of all groups in the order of their start."""
        by_name = {part.name: part for some in rows.values() for part in some}
        return [by_name[f"row-{row.anchor}"] for row in self.timeline.rows]

    def shows(self, part: TaskPart) -> bool:
        """Return whether the page without its script shows a part of a task."""
        return not part.name.startswith("row-") or self.filter.matches(part.key)

    @property
    def repairers(self) -> list[str]:
        """The people who repaired the run, one per repair; empty if some are not known."""
        names = [action.name for action in self.actions.repairs]
        return names if len(names) == len(self.repairs) - 1 else []

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
        """The number of tasks that have ended."""
        return sum(row.is_last and row.ended is not None for row in self.timeline.rows)


def build_run_view(
    authorizer: Authorizer,
    handle: JobHandle,
    run_id: int,
    *,
    is_live: bool = False,
    wanted: TaskFilter = NO_FILTER,
) -> RunView:
    """Read what the page of a run shows.

    :param is_live: the script of the page has requested it.
    :param wanted: the tasks that the reader has asked to see.
    """
    run, response, markup = page_data.read_run_with_markup(handle, run_id, is_live=is_live)
    moment = page_data.now()
    actions = current_state().requesters.read_one(handle.job.job_id, run_id)
    state = response.keep_text(("state", handle.key), lambda: str(compute_state_id(response.value)))
    expected = None if has_ended(run) else _expected_end(handle, run, moment)
    timeline = build_timeline(run, moment, expected, markup.build_attempt)
    summary = summarize_run(run, moment, page_data.requester_parameter(), actions.started_by)
    efforts = _read_efforts(handle, run, state)
    reports = current_state().hub.read_progress((handle.job.job_id, run_id))
    return RunView(
        job=handle.job,
        title=page_data.read_title(handle),
        may=page_data.find_permissions(authorizer, handle.job),
        run=count_work(summary, efforts, moment),
        actions=actions,
        state_id=state,
        timeline=timeline,
        tasks=markup,
        graph=build_graph(markup.structure, timeline.rows),
        parameters=parameters_of(run),
        repairs=[summarize_run(each, moment) for each in efforts],
        expected_end=expected,
        failure=_failure(handle, run, response.value),
        url=find_databricks_url(run.run_page_url),
        stale_since=page_data.stale_since(response, moment),
        now=moment,
        progress=select_progress(response.value, reports),
        filter=wanted,
        is_live=is_live,
    )


def _expected_end(handle: JobHandle, run: Run, moment: float) -> int | None:
    try:
        past = handle.list_runs(RECENT_RUNS)
    except LakeflowJobsError:  # the page is useful without a prediction
        return None
    return expected_end(run, phase_durations(past), moment / 1000)


def _read_efforts(handle: JobHandle, run: Run, state: str) -> list[Run]:
    """Read the original run and its repairs, oldest first; empty if there is no repair.

    A repair gives its tasks further attempts, so a run without any needs no further read.
    """
    if run.run_id is None or not any(task.attempt_number for task in run.tasks or []):
        return []
    try:
        response = cached_reads_of(handle, stale_if_error=True).get_repairs(run.run_id, state=state)
    except LakeflowJobsError:  # the page is useful without it
        return []
    efforts = parse_efforts(current_state().upstream, response.value["items"])
    return efforts if len(efforts) > 1 else []


def _failure(handle: JobHandle, run: Run, document: Mapping[str, Any]) -> RunFailure | None:
    if not has_ended(run) or outcome_of(run) is Outcome.SUCCEEDED:
        return None
    reads = cached_reads_of(handle, stale_if_error=True)
    explained = explain_run(run, reads, document)
    # The page states the cancellation once, with the person who did it.
    known = Outcome.CANCELED if explained.outcome is Outcome.CANCELED else None
    tasks = [each for each in explained.tasks if each.outcome is not known]
    causes = [
        Cause(
            key=task.task_key,
            attempt=task.attempt + 1,
            line=first_line(task.error or task.message) or task.outcome.label,
            trace=render_text(task.error_trace or ""),
        )
        for task in tasks[:MAX_READ_TASKS]
    ]
    return RunFailure(
        causes=causes,
        more=len(tasks) - len(causes),
        message=explained.message,
        code=explained.termination_code,
        advice=labels.CODE_ADVICE.get(explained.termination_code or ""),
    )
