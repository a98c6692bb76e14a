"""The page with the runs of all jobs, and their export."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response, request

from ..errors import InvalidRequest, UpstreamTimeout, quote
from ..globals import current_state
from ..present_runs import EXPORT_LIMIT, PAGE_LIMIT, PresentRuns
from ..runs.outcome import Outcome
from ..text import format_csv_line
from ..upstream.concurrent_reads import read_each
from ..web.authorization import current_authorizer
from ..web.run_list import (
    FILTERS,
    ListedRun,
    RunPage,
    RunQuery,
    format_time,
    read_run_page,
    read_run_query,
)
from . import page_data
from .page_data import JobTitle, build_title
from .rendering import render_page
from .root_errors import FAILURES, MAX_READ_RUNS, EndedRun, read_root_errors
from .summaries import Summary, summarize_listed

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..web.authorization import Authorizer

#: Seconds that a page waits for what it can do without. It takes far less, except in an outage.
MAX_READ_SECONDS = 3.0

#: Runs of a page, and the pages that an export reads at most.
EXPORT_PAGE_SIZE = 500
MAX_EXPORT_PAGES = 20

#: The formats of an export, and their media types.
EXPORT_TYPES: Mapping[str, str] = {"csv": "text/csv", "json": "application/json"}

#: The columns of CSV, as JSON names them.
EXPORT_COLUMNS = (
    *("job", "runId", "outcome", "requestedBy"),
    *("requestedAt", "startedAt", "endedAt", "duration", "error"),
)


def show_all_runs() -> str:
    """Show the runs of all jobs, page by page; filters as of ``GET /api/jobs/runs``."""
    authorizer = current_authorizer()
    keys = [job.key for job in authorizer.viewable_jobs()]
    query = read_run_query(request.args, keys)
    present = PresentRuns(current_state(), PAGE_LIMIT)
    page = read_run_page(authorizer, query, present=present)
    rows, titles = read_run_rows(authorizer, page.runs, present)
    return render_page(
        "all_runs.html",
        rows=rows,
        titles=titles,
        longest=max((row.length or 0.0 for _, row in rows), default=0.0),
        page=page,
        query=query,
        wanted=filters_of(request.args),
        keys=keys,
        outcomes=[*Outcome],
    )


def export_all_runs() -> Response:
    """Export the runs of all jobs as a file; ``format`` is ``csv`` or ``json``."""
    authorizer = current_authorizer()
    name = read_export_format(request.args.get("format", ""))
    query = read_run_query(request.args, [job.key for job in authorizer.viewable_jobs()])
    text, file = export_runs(authorizer, query, name)
    headers = {"Content-Disposition": f"attachment; filename={file}"}
    return Response(text, mimetype=EXPORT_TYPES[name], headers=headers)


def read_run_rows(
    authorizer: Authorizer, runs: Sequence[ListedRun], present: PresentRuns
) -> tuple[list[tuple[ListedRun, Summary]], dict[str, JobTitle]]:
    """Read what the list does not have of the runs of a page: the names of their jobs by job key,
    and root errors.

    In an outage the rows are as listed, and jobs have the names that the app knows.

    :param present: has listed the runs. If it was too late, the page does not wait again.
    """
    keys = list(dict.fromkeys(run.job for run in runs))
    with ExitStack() as stack:
        handles = {key: stack.enter_context(authorizer.request_handle(key)) for key in keys}
        titles = {key: build_title(handle.job, None) for key, handle in handles.items()}

        def read_title(key: str) -> None:
            titles[key] = page_data.read_title(handles[key])

        reads = [partial(read_title, key) for key in keys]
        is_reachable = not present.is_late and _read_in_time(reads)
        readable = [run for run in runs if not run.is_of_former_id]
        errors = _read_errors(handles, readable) if is_reachable else {}
    now = page_data.now()
    rows = [
        (run, summarize_listed(run, now, errors.get((run.job, run.run_id), run.error)))
        for run in runs
    ]
    return rows, titles


def _read_errors(
    handles: Mapping[str, JobHandle], runs: Sequence[ListedRun]
) -> dict[tuple[str, int], str]:
    """Return the root errors of failed runs, where known. Few of them are read."""
    errors: dict[tuple[str, int], str] = {}

    def read(key: str, max_reads: int) -> None:
        ends = [EndedRun(run.run_id, run.outcome, run.ended_at) for run in runs if run.job == key]
        found = read_root_errors(handles[key], ends, max_reads=max_reads)
        errors.update({(key, run_id): error for run_id, error in found.items()})

    failed = dict.fromkeys(run.job for run in runs if run.outcome in FAILURES)
    _read_in_time(
        [partial(read, key, int(number < MAX_READ_RUNS)) for number, key in enumerate(failed)]
    )
    return dict(errors)


def _read_in_time(reads: Sequence[Callable[[], None]]) -> bool:
    """Make reads, each of which stores its result itself; return whether none was too late."""
    ends = read_each(lambda read: read(), reads, MAX_READ_SECONDS)
    return not any(isinstance(end, UpstreamTimeout) for end in ends)


def filters_of(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of a request that are set, for links; not the page."""
    return {
        name: value
        for name in FILTERS
        if name != "pageToken" and (value := arguments.get(name, "").strip())
    }


def read_export_format(text: str) -> str:
    """Read the format of an export.

    :raises InvalidRequest: there is no such format.
    """
    if text not in EXPORT_TYPES:
        raise InvalidRequest(f"'format' must be one of csv, json, not {quote(text)}.")
    return text


def export_runs(authorizer: Authorizer, query: RunQuery, format_name: str) -> tuple[str, str]:
    """Return the newest runs of a query as CSV or JSON, and the name of the file.

    The name says if there are more runs, and JSON has the token for the next ones.
    """
    found = _read_all(authorizer, query)
    rows = [_export(run) for run in found.runs]
    token = None if found.next is None else str(found.next)
    text = (
        json.dumps({"runs": rows, "nextPageToken": token}, indent=2)
        if format_name == "json"
        else write_csv(rows)
    )
    return text, f"runs{'' if token is None else f'-newest-{len(rows)}'}.{format_name}"


def _read_all(authorizer: Authorizer, query: RunQuery) -> RunPage:
    runs: list[ListedRun] = []
    present = PresentRuns(current_state(), EXPORT_LIMIT)
    for _ in range(MAX_EXPORT_PAGES):
        page = read_run_page(authorizer, query, EXPORT_PAGE_SIZE, present)
        runs += page.runs
        if page.next in (None, query.after):  # the other runs that may match are too many to read
            break
        query = replace(query, after=page.next)
    return RunPage(runs, page.next)


def _export(run: ListedRun) -> dict[str, Any]:
    return {
        name: format_time(value) if name.endswith("At") and value is not None else value
        for name, value in run.to_dict().items()
    }


def write_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV in which no cell is a formula."""
    lines = [EXPORT_COLUMNS, *([row[name] for name in EXPORT_COLUMNS] for row in rows)]
    return "".join(f"{format_csv_line(line)}\r\n" for line in lines)
