"""What the pages need to know, read through handles, and nothing of it shown that is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import request

from ..current import current_state
from ..errors import LakeflowJobsError
from ..handle import JobHandle
from ..job_config import Job
from ..masking import masked
from ..outcome import SUCCESSES, Outcome, has_ended, outcome_of
from ..watching.snapshot import state_id
from . import runs, tasks, words
from .runs import Bar, Summary, strip
from .tasks import Attempt, Graph, Timeline

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import BaseRun, Run, RunOutput

    from ..web.guard import Guard

#: Runs in the strip of a job, and those that foretell the end of another.
STRIP = 20

#: Jobs that are read at the same time.
AT_ONCE = 8

#: The failed tasks whose errors are shown; more would not be read.
MOST_CAUSES = 5


def now() -> float:
    """Milliseconds since the epoch."""
    return current_state().jobs.clock.now() * 1000


def who_parameter() -> str | None:
    """The job parameter that tells who asked for a run, if the app notes it."""
    return current_state().jobs.settings.attribution_parameter


@dataclass(frozen=True)
class May:
    """What whoever asks may do with a job."""

    run: bool
    cancel: bool
    repair: bool


def rights(guarded: Guard, handle: JobHandle) -> May:
    """What whoever asks may do with a job.

    :param guarded: tells who asks.
    :param handle: on the job.
    """
    return May(*(guarded.allows(action, handle.job) for action in ("run", "cancel", "repair")))


# ── a job ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Card:
    """A job at a glance.

    :param job: the settings' job.
    :param may: what whoever asks may do.
    :param runs: its last runs, newest first.
    :param slots: how many runs it may have at once, where that is known.
    :param queues: whether a run that finds no slot waits for one.
    :param age: seconds since this was true, where the workspace cannot be asked.
    :param trouble: why nothing is known.
    """

    job: Job
    may: May
    runs: Sequence[Summary] = ()
    slots: int | None = None
    queues: bool = False
    age: float | None = None
    trouble: LakeflowJobsError | None = None

    @property
    def bars(self) -> list[Bar]:
        return strip(self.runs)

    @property
    def last(self) -> Summary | None:
        return self.runs[0] if self.runs else None

    @property
    def busy(self) -> int:
        return sum(run.is_going and run.state.outcome is not Outcome.QUEUED for run in self.runs)

    @property
    def last_success(self) -> Summary | None:
        return next((run for run in self.runs if run.state.outcome in SUCCESSES), None)


def cards(guarded: Guard, keys: Sequence[str]) -> list[Card]:
    """Jobs at a glance, read side by side: one that cannot be read holds up no other.

    :param guarded: tells who asks.
    :param keys: of the jobs; whoever asks may see them.
    """
    with ExitStack() as stack:
        found: list[tuple[JobHandle, LakeflowJobsError | None]] = []
        for key in keys:
            handle = current_state().jobs[key]
            try:
                if handle.job.run_as == "user":
                    handle = stack.enter_context(handle.as_user(request))
                found.append((handle, None))
            except LakeflowJobsError as error:
                found.append((handle, error))
        granted = [rights(guarded, handle) for handle, _ in found]
        moment, parameter = now(), who_parameter()
        state = current_state()

        def read(index: int) -> Card:
            (handle, trouble), rights_here = found[index], granted[index]
            if trouble is not None:
                return Card(handle.job, rights_here, trouble=trouble)
            try:
                seen = handle.reads(or_stale=True).runs(STRIP)
                settings = handle.get_job().settings
            except LakeflowJobsError as error:
                return Card(handle.job, rights_here, trouble=error)
            return Card(
                handle.job,
                rights_here,
                runs=[
                    runs.summary(state.jobs.upstream.base_run_of(each), moment, parameter)
                    for each in (masked(run, handle.job.secrets) for run in seen.value)
                ],
                slots=settings.max_concurrent_runs if settings else None,
                queues=bool(settings and settings.queue and settings.queue.enabled),
                age=seen.age if seen.is_stale else None,
            )

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(read, range(len(found))))


# ── a run ─────────────────────────────────────────────────────────────────────────────────────────


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
class Parameter:
    name: str
    value: str


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it.

    :param state_id: names the state that is shown.
    :param expected_end: milliseconds since the epoch, where something is expected.
    :param failure: why it ended badly, if it did.
    :param age: seconds since this was true, where the workspace cannot be asked.
    :param now: milliseconds since the epoch.
    """

    job: Job
    may: May
    run: Summary
    name: str
    state_id: str
    timeline: Timeline
    graph: Graph
    parameters: Sequence[Parameter]
    expected_end: int | None
    failure: Failure | None
    url: str | None
    age: float | None
    now: float

    @property
    def is_over(self) -> bool:
        return not self.run.is_going

    @property
    def may_cancel(self) -> bool:
        return self.may.cancel and not self.is_over

    @property
    def may_repair(self) -> bool:
        ended_well = self.run.state.outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED)
        return self.may.repair and self.is_over and not ended_well

    @property
    def done(self) -> int:
        return sum(row.is_last and row.ended is not None for row in self.timeline.rows)


def run_view(guarded: Guard, handle: JobHandle, run_id: int) -> RunView:
    """A run as its page shows it.

    :param guarded: tells who asks.
    :param handle: on its job.
    :param run_id: the run.
    """
    jobs = current_state().jobs
    seen = handle.reads(or_stale=True).run(run_id)
    run = jobs.upstream.run_of(masked(seen.value, handle.job.secrets))
    moment = now()
    expected = None if has_ended(run) else _expected_end(handle, run, moment)
    line = tasks.timeline(run, moment, expected)
    return RunView(
        job=handle.job,
        may=rights(guarded, handle),
        run=runs.summary(run, moment, who_parameter()),
        name=run.run_name or handle.key,
        state_id=str(state_id(run)),
        timeline=line,
        graph=tasks.graph(run, line.rows),
        parameters=[Parameter(*item) for item in runs.parameters_of(run).items()],
        expected_end=expected,
        failure=_failure(handle, run),
        url=words.page_url(run.run_page_url),
        age=seen.age if seen.is_stale else None,
        now=moment,
    )


def _expected_end(handle: JobHandle, run: Run, moment: float) -> int | None:
    try:
        past = handle.list_runs(STRIP)
    except LakeflowJobsError:  # an expectation is not worth a failure
        return None
    return runs.expected_end(run, past, moment)


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
            line=_first_line(task.error or task.message) or words.word(task.outcome),
            trace=task.error_trace,
        )
        for task in explained.tasks
    ]
    return Failure(
        causes=causes[:MOST_CAUSES],
        more=len(causes[MOST_CAUSES:]),
        message=explained.message,
        code=explained.termination_code,
        hint=words.HINTS.get(explained.termination_code or ""),
    )


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


# ── a task ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Text:
    """Something that a task has left.

    :param title: what it is.
    :param text: it.
    :param note: what is to be known of it: that it is cut off, say.
    """

    title: str
    text: str
    note: str = ""


#: Said of what was cut off.
CUT = "Only a part: the Jobs API keeps no more. The whole is on the run's page in the workspace."


def task_texts(output: RunOutput) -> list[Text]:
    """What a task has left, in the order in which one wants to read it.

    :param output: as the SDK has it.
    """
    found = []
    if output.error:
        found.append(Text("Error", output.error))
    if output.error_trace:
        found.append(Text("Trace", output.error_trace))
    notebook = output.notebook_output
    if notebook and notebook.result is not None:
        found.append(Text("Result", notebook.result, CUT if notebook.truncated else ""))
    if output.logs:
        found.append(Text("Log", output.logs, CUT if output.logs_truncated else ""))
    if output.info:
        found.append(Text("Info", output.info))
    return found


def attempt_of(handle: JobHandle, run_id: int, task_run_id: int) -> Attempt | None:
    """An attempt of a task of a run.

    :param handle: on its job.
    :param run_id: the run.
    :param task_run_id: the attempt's own.
    """
    seen = handle.reads(or_stale=True).run(run_id)
    run = current_state().jobs.upstream.run_of(masked(seen.value, handle.job.secrets))
    rows = tasks.timeline(run, now()).rows
    return next((row for row in rows if row.run_id == task_run_id), None)


def runs_page(
    handle: JobHandle, *, before: tuple[int, int] | None, keep: Any, most: int, pages: int
) -> tuple[list[Summary], tuple[int, int] | None]:
    """A page of a job's history.

    :param handle: on the job.
    :param before: the start, in milliseconds since the epoch, and the id of the run that the page
        before ended with.
    :param keep: tells which runs are asked for.
    :param most: runs on a page.
    :param pages: how many reads may be made to fill it.
    :return: the runs, and where the next page begins, if there is one.
    """
    moment, parameter = now(), who_parameter()
    found: list[Summary] = []
    for _ in range(pages):
        batch = _older(handle.list_runs(most + 1, start_time_to=before and before[0]), before)
        for run in batch[:most]:
            before = (run.start_time or 0, run.run_id or 0)
            summary = runs.summary(run, moment, parameter)
            if keep(summary):
                found.append(summary)
                if len(found) == most:
                    return found, before
        if len(batch) <= most:
            return found, None
    return found, before


def _older(batch: list[BaseRun], before: tuple[int, int] | None) -> list[BaseRun]:
    """Those of a list that come after the one that was shown last."""
    ids = [run.run_id for run in batch]
    return batch[ids.index(before[1]) + 1 :] if before and before[1] in ids else batch
