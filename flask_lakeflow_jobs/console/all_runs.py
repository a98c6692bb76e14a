"""The page with the runs of all jobs: its rows, its links and its export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest, LakeflowJobsError, quote
from ..text import format_cell
from ..web.auth import request_handle
from ..web.run_list import FILTERS, ListedRun, RunPage, RunQuery, format_time, read_page
from . import queries
from .cards import MAX_CONCURRENT_JOBS
from .root_errors import FAILURES, MAX_READ_RUNS, EndedRun, read_root_errors
from .summaries import StateLabel, flatten_parameters

if TYPE_CHECKING:
    from ..web.auth import Authorizer
    from .titles import JobTitle

#: Runs of a page, and the pages that an export reads at most.
EXPORT_PAGE_SIZE = 500
MAX_EXPORT_PAGES = 20

#: The formats of an export, and their media types.
EXPORT_TYPES: Mapping[str, str] = {"csv": "text/csv", "json": "application/json"}


@dataclass(frozen=True)
class Row:
    """A run in the table. Times are in milliseconds since the epoch.

    :param error: one line.
    """

    run: ListedRun
    now: float
    error: str | None = None

    @property
    def state(self) -> StateLabel:
        return StateLabel(self.run.outcome)

    @property
    def started(self) -> int | None:
        return self.run.started_at

    @property
    def ended(self) -> int | None:
        return self.run.ended_at

    @property
    def parameters(self) -> dict[str, str]:
        return flatten_parameters(self.run.params)

    @property
    def length(self) -> float | None:
        if self.started is None:
            return None
        return max(0.0, (self.now if self.ended is None else self.ended) - self.started)


def build_rows(authorizer: Authorizer, runs: Sequence[ListedRun], now: float) -> list[Row]:
    """Return the rows of a page, with root errors where known. Few of them are read."""
    errors: dict[tuple[str, int], str] = {}
    failed = dict.fromkeys(run.job for run in runs if run.outcome in FAILURES)
    for number, key in enumerate(failed):
        ends = [EndedRun(run.run_id, run.outcome, run.ended_at) for run in runs if run.job == key]
        try:
            with request_handle(authorizer, key) as handle:
                found = read_root_errors(handle, ends, max_reads=int(number < MAX_READ_RUNS))
        except LakeflowJobsError:  # the rows have the workspace's messages
            continue
        errors.update({(key, run_id): error for run_id, error in found.items()})
    return [Row(run, now, errors.get((run.job, run.run_id), run.error)) for run in runs]


def read_titles(authorizer: Authorizer, runs: Sequence[ListedRun]) -> dict[str, JobTitle]:
    """Read the names of the jobs of some runs, concurrently and each once."""
    keys = list(dict.fromkeys(run.job for run in runs))
    with ExitStack() as stack, ThreadPoolExecutor(MAX_CONCURRENT_JOBS) as threads:
        handles = [stack.enter_context(request_handle(authorizer, key)) for key in keys]
        contexts = [copy_context() for _ in keys]
        titles = threads.map(
            lambda context, handle: context.run(queries.read_title, handle), contexts, handles
        )
        return dict(zip(keys, titles, strict=True))


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
    for _ in range(MAX_EXPORT_PAGES):
        page = read_page(authorizer, query, EXPORT_PAGE_SIZE)
        runs += page.runs
        if page.next is None:
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
    names = ["job", "runId", "outcome", "requestedBy", "requestedAt", "startedAt", "endedAt"]
    names.append("error")
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: format_cell(row[name]) for name in names} for row in rows)
    return text.getvalue()
