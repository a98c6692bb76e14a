"""The pages, fragments and files of a task."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from flask import Response, request, stream_with_context
from werkzeug.exceptions import NotFound

from ..reader import cached_reads_of
from ..runs.ids import parse_run_id
from ..runs.logs import DEFAULT_PART_BYTES
from ..runs.query_rows import read_rows
from ..runs.redaction import redact, redact_progress_tokens
from ..web.auth import current_authorizer, request_handle
from ..web.requests import read_number
from .fragments import render, render_page
from .logs import read_text, view_log
from .task_page import build_task_view

if TYPE_CHECKING:
    from ..sdk_types import RunTask
    from ..upstream.cached_reads import CachedReads


def show_task(key: str, run_id: str, task_run_id: str) -> str:
    """Show one task of a run: its output, its log and its iterations."""
    authorizer = current_authorizer()
    line = read_number(request, "line", 0) or None
    with request_handle(authorizer, key) as handle:
        view = build_task_view(
            authorizer, handle, parse_run_id(run_id), parse_run_id(task_run_id), line=line
        )
    template = "_task.html" if "bare" in request.args else "task.html"
    return render_page(
        template, key=key, run_id=run_id, task_run_id=task_run_id, view=view, line=line
    )


def show_log_part(key: str, run_id: str, task_run_id: str) -> str:
    """Render the lines of a log from an offset on, for the page's script."""
    with request_handle(current_authorizer(), key) as handle:
        reads = cached_reads_of(handle)
        task = _find_task(reads, run_id, task_run_id)
        part = reads.read_log(task, read_number(request, "offset", 0), DEFAULT_PART_BYTES)
    return render(
        "_log_lines.html", key=key, run_id=run_id, task_run_id=task_run_id, log=view_log(part)
    )


def download_log(key: str, run_id: str, task_run_id: str) -> Response:
    """Send the log so far as a file, in the parts in which it is read."""
    name = f"{key}-{run_id}-{task_run_id}.log"
    with ExitStack() as stack:
        handle = stack.enter_context(request_handle(current_authorizer(), key))
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
    with request_handle(current_authorizer(), key) as handle:
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
    """Send whole lines, under a name of letters, digits and hyphens."""
    safe = "".join(
        each if each.isascii() and (each.isalnum() or each in "-.") else "-" for each in name
    )
    return Response(
        (redact_progress_tokens(each).encode(errors="replace") for each in lines),
        mimetype=media_type,
        headers={"Content-Disposition": f'attachment; filename="{safe}"'},
    )
