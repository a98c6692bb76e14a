"""The page of a task: its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound

from ..globals import current_state
from ..reader import cached_reads_of
from ..runs.ids import build_run_url
from ..runs.redaction import redact
from . import queries
from .tasks import Attempt
from .timeline import build_timeline

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import RunOutput, RunTask
    from ..web.auth import Authorizer

#: The note on truncated output.
TRUNCATED_NOTE = (
    "Truncated: the Jobs API keeps no more. The run's page in the workspace has all of it."
)


@dataclass(frozen=True)
class Text:
    """A part of a task's output.

    :param note: for example that it is truncated.
    """

    title: str
    text: str
    note: str = ""

    @property
    def is_bad(self) -> bool:
        return self.title in ("Error", "Trace")


@dataclass(frozen=True)
class Child:
    """The run of another job that a task has started.

    :param key: of its job, if this app has it and the requester may view it.
    :param url: its page in the workspace.
    """

    run_id: int
    key: str | None
    url: str | None


@dataclass(frozen=True)
class TaskView:
    """The output of an attempt of a task."""

    attempt: Attempt
    texts: Sequence[Text]
    child: Child | None


def build_task_view(
    authorizer: Authorizer, handle: JobHandle, run_id: int, task_run_id: int
) -> TaskView:
    """Read what the page of an attempt shows.

    :param task_run_id: the run id of the attempt.
    :raises NotFound: the run has no such attempt.
    """
    run, _ = queries.read_run(handle, run_id)
    task = next((each for each in run.tasks or [] if each.run_id == task_run_id), None)
    if task is None:
        raise NotFound(f"Run {run_id} has no task with the id {task_run_id}.")
    rows = build_timeline(run, queries.now()).rows
    attempt = next(row for row in rows if row.run_id == task_run_id)
    response = cached_reads_of(handle, stale_if_error=True).get_task_output(
        task_run_id, is_final=attempt.ended is not None
    )
    document = redact(response.value, handle.job.secret_overrides)
    output = current_state().upstream.parse_output(document)
    return TaskView(attempt, texts_of(output), _child(authorizer, task, output))


def texts_of(output: RunOutput) -> list[Text]:
    """Return the parts of an output, errors first.

    :param output: as the SDK has it.
    """
    notebook = output.notebook_output
    cut_result = TRUNCATED_NOTE if notebook and notebook.truncated else ""
    found = (
        Text("Error", output.error or ""),
        Text("Trace", output.error_trace or ""),
        Text("Result", (notebook.result if notebook else "") or "", cut_result),
        Text("Log", output.logs or "", TRUNCATED_NOTE if output.logs_truncated else ""),
        Text("Info", output.info or ""),
    )
    return [each for each in found if each.text]


def _child(authorizer: Authorizer, task: RunTask, output: RunOutput) -> Child | None:
    run_id = output.run_job_output.run_id if output.run_job_output else None
    if run_id is None or task.run_job_task is None:
        return None
    job_id = task.run_job_task.job_id
    keys = (job.key for job in authorizer.viewable_jobs() if job.job_id == job_id)
    return Child(run_id, next(keys, None), build_run_url(task.run_page_url, job_id, run_id))
