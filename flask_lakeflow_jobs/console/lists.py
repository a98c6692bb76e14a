"""The pages that list runs and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from ..errors import LakeflowJobsError
from ..globals import current_state
from ..record.values import PageToken, RowState
from ..runs.comparison import parse_pair
from ..runs.ids import parse_run_id
from ..runs.outcome import Outcome
from ..web.auth import current_authorizer, request_handle
from ..web.run_list import PAGE_SIZE, read_page, read_run_query
from . import all_runs, history, labels, page_data
from .cards import read_cards
from .fragments import render_page
from .history import Filter, find_neighbor
from .links import page_url
from .summaries import Summary
from .trend import MAX_RUNS, build_trend, summarize_recorded

if TYPE_CHECKING:
    from ..config.jobs import Job


def show_all_runs() -> str:
    """Show the runs of all jobs, page by page; filters as of ``GET /api/jobs/runs``."""
    authorizer = current_authorizer()
    query = read_run_query(request, authorizer)
    page = read_page(authorizer, query)
    rows, titles = all_runs.read_rows(authorizer, page.runs, page_data.now())
    return render_page(
        "all_runs.html",
        rows=rows,
        titles=titles,
        longest=max((row.length or 0.0 for row in rows), default=0.0),
        page=page,
        query=query,
        wanted=all_runs.filters_of(request.args),
        keys=[job.key for job in authorizer.viewable_jobs()],
        outcomes=[*Outcome],
    )


def export_all_runs() -> Response:
    """Export the runs of all jobs as a file; ``format`` is ``csv`` or ``json``."""
    authorizer = current_authorizer()
    name = all_runs.read_export_format(request.args.get("format", ""))
    text, file = all_runs.export_runs(authorizer, read_run_query(request, authorizer), name)
    headers = {"Content-Disposition": f"attachment; filename={file}"}
    return Response(text, mimetype=all_runs.EXPORT_TYPES[name], headers=headers)


def show_audit() -> str:
    """Show who did what, for the jobs whose policy allows the user to ``audit`` them."""
    authorizer = current_authorizer()
    jobs = current_state().settings.jobs.values()
    keys = [job.key for job in jobs if authorizer.allows("audit", job)]
    record = current_state().record
    if record is None or not keys:
        raise NotFound("There are no actions that you may see. They require a record.")
    token = PageToken.parse(request.args.get("pageToken", ""))
    actions = record.list_actions(job_keys=keys, limit=PAGE_SIZE, token=token)
    last = str(actions[-1].page_token) if len(actions) == PAGE_SIZE else None
    return render_page("audit.html", actions=actions, next=last)


def show_history(key: str) -> str:
    """Show the history of a job, page by page; ``outcome`` and ``who`` select runs."""
    authorizer = current_authorizer()
    wanted = Filter(request.args.get("outcome", ""), request.args.get("who", "").strip())
    after = PageToken.parse(request.args.get("pageToken", ""))
    with request_handle(authorizer, key) as handle:
        page = history.read_page(handle, wanted, after)
    (card,) = read_cards(authorizer, [key])
    return render_page(
        "history.html",
        card=card,
        page=page,
        wanted=wanted,
        after=after,
        kinds=labels.KIND_NAMES,
        trend=build_trend(_read_ended_runs(handle.job) or card.runs),
    )


def show_matrix(key: str) -> str:
    """Show the tasks of the last runs of a job, with states and durations."""
    authorizer = current_authorizer()
    with request_handle(authorizer, key) as handle:
        matrix, title = handle.read_matrix(), page_data.read_title(handle)
        runs = page_data.summarize_runs(handle, matrix.runs)
    found = {run.state.kind for run in runs}
    cells = (cell for row in matrix.rows for cell in row.cells if cell is not None)
    found |= {labels.KINDS[cell.outcome] for cell in cells}
    return render_page(
        "matrix.html",
        rows=matrix.rows,
        runs=runs,
        title=title,
        kinds={kind: name for kind, name in labels.KIND_NAMES.items() if kind in found},
    )


def show_comparison(key: str) -> str:
    """Compare two runs of a job; ``run`` is the id of each."""
    authorizer = current_authorizer()
    first, second = parse_pair(request.args.getlist("run"))
    with request_handle(authorizer, key) as handle:
        compared, title = handle.compare(first, second), page_data.read_title(handle)
        runs = page_data.summarize_runs(handle, compared.runs)
    errors = [error or run.message for error, run in zip(compared.errors, runs, strict=True)]
    return render_page("comparison.html", compared=compared, runs=runs, errors=errors, title=title)


def show_neighbor(key: str, run_id: str, which: str) -> BaseResponse:
    """Redirect to the run before or after a run of a job; ``which`` is ``previous`` or ``next``."""
    with request_handle(current_authorizer(), key) as handle:
        found = find_neighbor(handle, parse_run_id(run_id), which)
    return redirect(page_url("lakeflow_console.show_run", key=key, run_id=found))


def compare_with_previous(key: str, run_id: str) -> BaseResponse:
    """Redirect to the comparison of a run with the one before it."""
    with request_handle(current_authorizer(), key) as handle:
        ids = [find_neighbor(handle, parse_run_id(run_id), "previous"), run_id]
    return redirect(page_url("lakeflow_console.show_comparison", key=key, run=ids))


def _read_ended_runs(job: Job) -> list[Summary]:
    """Read the newest ended runs of a job from the record; none without one, or if it fails.

    The record has the runs of all users, so it does not serve a job that runs as its users.
    """
    if (record := current_state().record) is None or job.run_as != "app":
        return []
    # Only apps with a record import it.
    from ..record.runs import RunFilter

    wanted = RunFilter(job_keys=[job.key], state=RowState.ENDED)
    try:
        return [summarize_recorded(run) for run in record.list_runs(wanted, limit=MAX_RUNS)]
    except LakeflowJobsError:  # the card's runs are enough
        return []
