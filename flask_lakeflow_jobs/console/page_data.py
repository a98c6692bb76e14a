"""The data that several pages show, and what an app remembers of it: read through handles, with
secrets redacted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from flask import current_app

from ..errors import LakeflowJobsError
from ..globals import current_state
from ..memo import Memo
from ..reader import cached_reads_of
from ..runs.outcome import has_ended
from ..runs.redaction import redact
from .summaries import Summary, summarize_run
from .task_markup import MAX_KEPT_TASKS, AttemptId, KeptTask, TaskMarkup

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import BaseRun, JobSettings, Run, RunTask, SdkJob
    from ..upstream.read_cache import CachedResponse
    from ..web.authorization import Authorizer

#: The field of a task with the keys of the tasks that it waits for.
DEPENDENCIES = "depends_on"

#: The runs of a job that its card shows, and from which the end of another is predicted.
RECENT_RUNS = 20

#: The key of the console's memory in ``app.extensions``.
CONSOLE_KEY = "lakeflow_jobs.console"

#: Root errors in the memory of one process.
MAX_ROOT_ERRORS = 2_000


class RootError(NamedTuple):
    """The error of the first task that made a run fail.

    :param text: one line; empty: there is none.
    :param read_again: seconds since the epoch.
    """

    text: str
    read_again: float


class ConsoleState:
    """The memory of the console of one app."""

    def __init__(self) -> None:
        #: The tasks of runs that were shown lately, by the URL of their pages.
        self.tasks: Memo[str, Mapping[AttemptId, KeptTask]] = Memo(MAX_KEPT_TASKS)
        #: The root errors of runs, by identity, key and id of the job, run and end.
        self.root_errors: Memo[Hashable, RootError] = Memo(MAX_ROOT_ERRORS)


def console_state() -> ConsoleState:
    return cast("ConsoleState", current_app.extensions[CONSOLE_KEY])


def now() -> float:
    """Return the milliseconds since the epoch."""
    return current_state().clock.now() * 1000


def stale_since(response: CachedResponse, now: float) -> float | None:
    """Return the age of a stale response as a moment; ``None`` for a fresh response.

    :param now: milliseconds since the epoch.
    """
    return now - response.age * 1000 if response.is_stale else None


def requester_parameter() -> str | None:
    """Return the job parameter that records who requested a run, if the app sets one."""
    return current_state().settings.attribution_parameter


def summarize_runs(handle: JobHandle, runs: Sequence[Run | BaseRun]) -> list[Summary]:
    """Summarize runs as they are now, with those who started them."""
    moment, parameter, run_ids = now(), requester_parameter(), [run.run_id or 0 for run in runs]
    actions = current_state().requesters.read(handle.job.job_id, run_ids)
    return [
        summarize_run(run, moment, parameter, actions[run.run_id or 0].started_by) for run in runs
    ]


@dataclass(frozen=True)
class Permissions:
    """The requester's permissions on a job."""

    run: bool
    cancel: bool
    repair: bool
    schedule: bool


def find_permissions(authorizer: Authorizer, job: Job) -> Permissions:
    return Permissions(
        run=authorizer.allows("run", job),
        cancel=authorizer.allows("cancel", job),
        repair=authorizer.allows("repair", job),
        schedule=authorizer.allows("schedule", job),
    )


def read_job(handle: JobHandle) -> SdkJob:
    """Read a job's definition in the workspace; a stale one if the workspace does not respond."""
    return current_state().upstream.parse_job(
        cached_reads_of(handle, stale_if_error=True).get_job().value
    )


def read_runs(handle: JobHandle, limit: int, **filters: Any) -> list[BaseRun]:
    """Read the newest runs of a job, redacted.

    :param filters: as the Jobs API names them.
    """
    response = cached_reads_of(handle).list_runs(limit, **filters)
    documents = (redact(each, handle.job.secret_overrides) for each in response.value)
    return [current_state().upstream.parse_base_run(each) for each in documents]


@dataclass(frozen=True)
class JobTitle:
    """A job by its key, and by what its definition says about it.

    :param name: ``None``: not known, or the same as the key.
    :param description: the app's, otherwise the definition's.
    """

    key: str
    name: str | None = None
    description: str | None = None


def build_title(job: Job, settings: JobSettings | None) -> JobTitle:
    """Return the title of a job.

    :param settings: of its definition; ``None``: not known.
    """
    name = settings.name if settings else None
    described = settings.description if settings else None
    return JobTitle(
        job.key, name if name and name != job.key else None, job.description or described or None
    )


def read_title(handle: JobHandle) -> JobTitle:
    """Read the names of a job; without its definition, only those that the app knows."""
    try:
        settings = read_job(handle).settings
    except LakeflowJobsError:  # a page of a run is useful without
        settings = None
    return build_title(handle.job, settings)


def read_run(handle: JobHandle, run_id: int) -> tuple[Run, CachedResponse]:
    """Read a run with its tasks, redacted, and the response that it comes from."""
    response = cached_reads_of(handle, stale_if_error=True).get_run(run_id)
    run = _parse_run(handle, response.value)
    run.tasks = [parse_task(handle, task) for task in response.value.get("tasks") or ()]
    return run, response


def read_run_with_markup(
    handle: JobHandle, run_id: int, *, is_live: bool
) -> tuple[Run, CachedResponse, TaskMarkup]:
    """Read a run as :func:`read_run` does, with what was made of its tasks for earlier pages.

    :param is_live: the script of the page has requested it.
    """
    response = cached_reads_of(handle, stale_if_error=True).get_run(run_id)
    markup = TaskMarkup(
        handle.key,
        run_id,
        response.value.get("tasks") or (),
        lambda task: parse_task(handle, task),
        console_state().tasks,
        script_updates_durations=is_live and not has_ended(response.value),
    )
    run = _parse_run(handle, response.value)
    run.tasks = markup.tasks
    return run, response, markup


def _parse_run(handle: JobHandle, document: Mapping[str, Any]) -> Run:
    """Parse a run without its tasks."""
    fields = {name: value for name, value in document.items() if name != "tasks"}
    return current_state().upstream.parse_run(redact(fields, handle.job.secret_overrides))


def parse_task(handle: JobHandle, document: Mapping[str, Any]) -> RunTask:
    """Parse a task of a run, and redact its secrets."""
    fields = {name: value for name, value in document.items() if name != DEPENDENCIES}
    redacted = redact(fields, handle.job.secret_overrides)
    if DEPENDENCIES in document:  # without secrets, and there may be thousands
        redacted[DEPENDENCIES] = document[DEPENDENCIES]
    return current_state().upstream.parse_task(redacted)
