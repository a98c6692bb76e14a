"""The page of a task: its output, its log, and its neighbors; the log and rows as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from flask import Response, request, stream_with_context
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.utils import secure_filename

from ..errors import InvalidRequest, LakeflowJobsError
from ..pages import build_run_url
from ..reader import cached_reads_of
from ..runs.ids import parse_run_id
from ..runs.iterations import Iteration, select_failed
from ..runs.outcome import select_last_attempts
from ..runs.output_parts import DEFAULT_PART_BYTES, Rows, drop_repeated, read_rows
from ..runs.redaction import redact, redact_output, redact_progress_tokens
from ..web.authorization import Authorizer, current_authorizer
from ..web.requests import read_number
from ..web.views import ITERATIONS_PER_PAGE
from . import page_data
from .axis import Axis
from .log_lines import MAX_ADDED_LINES, LogView, read_log_view, read_text, view_log
from .markdown import render_markdown
from .rendering import render, render_page
from .rich_text import render_json, render_text
from .summaries import StateLabel
from .tasks import Attempt, build_attempt
from .timeline import build_timeline

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import Run, RunTask
    from ..upstream.cached_reads import CachedReads

#: The note on truncated output.
TRUNCATED_NOTE = (
    "Truncated: the Jobs API keeps no more. The run's page in the workspace has all of it."
)

#: Characters of an iteration's output in the table.
_MAX_BRIEF_CHARS = 200


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
        return self.title == "Error"

    @property
    def html(self) -> Markup:
        return render_text(self.text)

    @cached_property
    def json(self) -> Markup | None:
        return None if self.is_bad else render_json(self.text)

    @cached_property
    def markdown(self) -> Markup | None:
        return None if self.is_bad or self.json else render_markdown(self.text)


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
class IterationRow:
    """A row of the table of iterations.

    :param text: the first line of its result or its error.
    """

    iteration: Iteration
    state: StateLabel
    text: str


@dataclass(frozen=True)
class Loop:
    """A page of the iterations of a for-each task, or of its failed iterations.

    :param count: of the iterations on all pages.
    :param failed_count: of the iterations that failed, on these pages or not.
    """

    rows: Sequence[IterationRow]
    first: int
    count: int
    page: int
    page_count: int
    failed_count: int
    is_failed_only: bool


@dataclass(frozen=True)
class TaskView:
    """The output of an attempt of a task, or of an iteration.

    :param run_started: when the run started, in milliseconds since the epoch.
    :param parent: the for-each task of an iteration.
    :param iteration: its number and its input.
    :param attempts: the attempts of the task, in order.
    :param before: the task before it in the run, or the iteration.
    """

    run_started: int | None
    attempt: Attempt
    texts: Sequence[Text]
    child: Child | None
    rows: Rows | None
    loop: Loop | None
    log: LogView | None
    parent: RunTask | None
    iteration: Iteration | None
    attempts: Sequence[RunTask]
    before: RunTask | None
    after: RunTask | None

    @property
    def is_empty(self) -> bool:
        has_log = self.log is not None and (self.log.lines or not self.attempt.ended)
        return not (self.texts or self.child or self.rows or self.loop or has_log)


def build_task_view(
    authorizer: Authorizer,
    handle: JobHandle,
    run_id: int,
    task_run_id: int,
    *,
    line: int | None,
) -> TaskView:
    """Read what the page of an attempt shows.

    :param task_run_id: the run id of the attempt, or of an iteration.
    :param line: of the log, which the reader wants to see; ``None``: the end of the log.
    :raises NotFound: the run has no such attempt.
    """
    run, _ = page_data.read_run(handle, run_id)
    reads = cached_reads_of(handle, stale_if_error=True)
    try:
        task, parent = reads.find_attempt_or_iteration(run.tasks or [], task_run_id)
    except InvalidRequest as error:
        raise NotFound(error.detail) from error
    attempt = _build_attempt(run, task, parent)
    response = reads.get_whole_output(task)
    output = redact_output(response.value, handle.job.secret_overrides)
    siblings = run.tasks or [] if parent is None else reads.read_iterations(parent)
    iterations = [] if parent is None else reads.list_iterations(parent)
    before, after = _neighbors(siblings, task, is_iteration=parent is not None)
    hide = str(output.get("error_trace") or "")
    rows = read_rows(output)
    # The log of a SQL task has its rows once more.
    has_log = not (rows or task.for_each_task or task.run_job_task or task.condition_task)
    return TaskView(
        run_started=run.start_time or None,
        attempt=attempt,
        texts=texts_of(output),
        child=_child(authorizer, task, output),
        rows=rows,
        loop=_read_loop(reads, task) if task.for_each_task else None,
        log=read_log_view(reads, task, line=line, hide=hide) if has_log else None,
        parent=parent,
        iteration=next((each for each in iterations if each.run_id == task_run_id), None),
        attempts=[] if parent else [each for each in siblings if each.task_key == task.task_key],
        before=before,
        after=after,
    )


def _build_attempt(run: Run, task: RunTask, parent: RunTask | None) -> Attempt:
    now = page_data.now()
    if parent is None:
        rows = build_timeline(run, now).rows
        return next(row for row in rows if row.run_id == task.run_id)
    start = task.start_time or int(now)
    axis = Axis(start, max(start + 1, task.end_time or int(now)))
    return build_attempt(task, now, axis, is_last=True)


def _neighbors(
    siblings: Sequence[RunTask], task: RunTask, *, is_iteration: bool
) -> tuple[RunTask | None, RunTask | None]:
    """Return the tasks before and after one, in the order of the job."""
    attempts = siblings if is_iteration else select_last_attempts(siblings)
    order = [each for each in attempts if each.run_id]
    name_of = attrgetter("run_id" if is_iteration else "task_key")
    at = next((at for at, each in enumerate(order) if name_of(each) == name_of(task)), None)
    if at is None:  # its last attempt has no page
        return None, None
    around = [None, *order, None]
    return around[at], around[at + 2]


def texts_of(output: Mapping[str, Any]) -> list[Text]:
    """Return the parts of an output, errors first. The log and the rows have views of their own.

    :param output: as a document of the Jobs API.
    """
    notebook = output.get("notebook_output") or {}
    sql = output.get("sql_output") or {}
    link = (sql.get("query_output") or sql.get("alert_output") or {}).get("output_link")
    dbt = (output.get("dbt_output") or {}).get("artifacts_link")
    trace = (output.get("error_trace") or "").strip("\n")
    error = drop_repeated((output.get("error") or "").strip(), trace)
    found = (
        Text("Error", "\n\n".join(filter(None, [error, trace]))),
        Text(
            "Result",
            notebook.get("result") or "",
            TRUNCATED_NOTE if notebook.get("truncated") else "",
        ),
        Text("Rows in Databricks", link or ""),
        Text("Artifacts", dbt or "", "The link is valid for 30 minutes." if dbt else ""),
        Text("Info", output.get("info") or ""),
    )
    return [each for each in found if each.text]


def _read_loop(reads: CachedReads, task: RunTask) -> Loop:
    iterations = reads.list_iterations(task)
    failed = select_failed(iterations)
    is_failed_only = "failed" in request.args
    if is_failed_only:
        iterations = failed
    page_count = max(1, -(-len(iterations) // ITERATIONS_PER_PAGE))
    page = min(page_count, max(1, request.args.get("page", 1, int)))
    first = (page - 1) * ITERATIONS_PER_PAGE
    some = iterations[first : first + ITERATIONS_PER_PAGE]
    try:
        outputs = reads.get_iteration_outputs(task, some)
    except LakeflowJobsError:  # the table is worth having without them
        outputs = {}
    rows = [
        IterationRow(each, StateLabel(each.outcome), _brief(outputs.get(each.run_id, {})))
        for each in some
    ]
    return Loop(
        rows=rows,
        first=first,
        count=len(iterations),
        page=page,
        page_count=page_count,
        failed_count=len(failed),
        is_failed_only=is_failed_only,
    )


def _brief(output: Mapping[str, Any]) -> str:
    notebook = output.get("notebook_output") or {}
    text = output.get("error") or notebook.get("result") or output.get("logs") or ""
    lines = [line for line in redact_progress_tokens(text).splitlines() if line.strip()]
    # An error and a result begin with what matters, and a log ends with it.
    line = "" if not lines else lines[0] if output.get("error") else lines[-1]
    return line if len(line) <= _MAX_BRIEF_CHARS else f"{line[:_MAX_BRIEF_CHARS]}…"


def _child(authorizer: Authorizer, task: RunTask, output: Mapping[str, Any]) -> Child | None:
    run_id = (output.get("run_job_output") or {}).get("run_id")
    if run_id is None or task.run_job_task is None:
        return None
    job_id = task.run_job_task.job_id
    keys = (job.key for job in authorizer.viewable_jobs() if job.job_id == job_id)
    return Child(run_id, next(keys, None), build_run_url(task.run_page_url, job_id, run_id))


def show_task(key: str, run_id: str, task_run_id: str) -> str:
    """Show one task of a run: its output, its log and its iterations."""
    authorizer = current_authorizer()
    line = read_number(request, "line", 0) or None
    with authorizer.request_handle(key) as handle:
        view = build_task_view(
            authorizer, handle, parse_run_id(run_id), parse_run_id(task_run_id), line=line
        )
    template = "_task.html" if "bare" in request.args else "task.html"
    return render_page(
        template, key=key, run_id=run_id, task_run_id=task_run_id, view=view, line=line
    )


def show_log_part(key: str, run_id: str, task_run_id: str) -> str:
    """Render the lines of a log from an offset on, for the page's script; ``bare``: without ids."""
    with current_authorizer().request_handle(key) as handle:
        reads = cached_reads_of(handle)
        task = _find_task(reads, run_id, task_run_id)
        part = reads.read_log(task, read_number(request, "offset", 0), DEFAULT_PART_BYTES)
    return render(
        "_log_lines.html",
        key=key,
        run_id=run_id,
        task_run_id=task_run_id,
        log=view_log(part, max_lines=MAX_ADDED_LINES),
        bare="bare" in request.args,
    )


def download_log(key: str, run_id: str, task_run_id: str) -> Response:
    """Send the log so far as a file, in the parts in which it is read."""
    name = f"{key}-{run_id}-{task_run_id}.log"
    with ExitStack() as stack:
        handle = stack.enter_context(current_authorizer().request_handle(key))
        reads = cached_reads_of(handle)
        task = _find_task(reads, run_id, task_run_id)
        # each part is read within the request's time limit, which only its context knows
        parts = stream_with_context(read_text(reads, task))
        first = next(parts)  # an error of it is a response
        response = _file(chain([first], parts), "text/plain", name)
        # a handle of a user ends with the response
        response.call_on_close(stack.pop_all().close)
    return response


def download_rows(key: str, run_id: str, task_run_id: str) -> Response:
    """Send the rows of a SQL task as CSV."""
    with current_authorizer().request_handle(key) as handle:
        reads = cached_reads_of(handle)
        task = _find_task(reads, run_id, task_run_id)
        output = redact(reads.get_whole_output(task).value, handle.job.secret_overrides)
    rows = read_rows(output)
    if rows is None:
        raise NotFound("The task has no rows.")
    cut = f"-first-{len(rows.rows)}-rows" if rows.is_truncated else ""
    text = "".join(rows.to_csv())
    return _file([text], "text/csv", f"{key}-{run_id}-{task_run_id}{cut}.csv")


def _find_task(reads: CachedReads, run_id: str, task_run_id: str) -> RunTask:
    return reads.find_task(parse_run_id(run_id), parse_run_id(task_run_id))


def _file(lines: Iterable[str], media_type: str, name: str) -> Response:
    """Send whole lines as a file."""
    return Response(
        (redact_progress_tokens(each).encode(errors="replace") for each in lines),
        mimetype=media_type,
        headers={"Content-Disposition": f'attachment; filename="{secure_filename(name)}"'},
    )
