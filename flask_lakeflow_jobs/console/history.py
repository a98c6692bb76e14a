"""The history of a job: page by page with filters, and the runs before and after a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from ..errors import LakeflowJobsError
from ..globals import current_state
from ..pages import page_url
from ..record.values import PageToken, RowState
from ..runs import RUNS_PER_PAGE
from ..runs.ids import parse_run_id
from ..web.authorization import current_authorizer
from . import page_data
from .cards import read_cards
from .labels import KIND_NAMES
from .rendering import render_page
from .root_errors import EndedRun, read_root_errors
from .summaries import MAX_TREND_RUNS, Summary, build_trend, summarize_recorded

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import BaseRun, Run

#: Runs on a page.
PAGE_SIZE = 20

#: Runs of one read: more than on a page, since the first was on the page before and the last shows
#: that there are more.
READ_SIZE = RUNS_PER_PAGE

#: Reads for one page, if a filter matches few runs.
MAX_READS = 4


@dataclass(frozen=True)
class Filter:
    """A filter of runs; an empty field matches all.

    :param kind: of outcome, see :data:`.labels.KINDS`.
    :param who: a part of the requester's name.
    """

    kind: str = ""
    who: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.kind and not self.who

    def matches(self, run: Summary) -> bool:
        has_kind = not self.kind or run.state.kind == self.kind
        return has_kind and self.who.lower() in (run.who or "").lower()


@dataclass(frozen=True)
class Page:
    """A page of a history.

    :param runs: those that match, newest first.
    :param runs_read: how many runs were read to find them.
    :param last: the last run that was read.
    """

    runs: Sequence[Summary]
    runs_read: int
    last: PageToken | None
    has_more: bool

    @property
    def longest(self) -> float:
        """The longest duration, in milliseconds."""
        return max((run.length or 0.0 for run in self.runs), default=0.0)


def show_history(key: str) -> str:
    """Show the history of a job, page by page; ``outcome`` and ``who`` select runs."""
    authorizer = current_authorizer()
    kind, who = request.args.get("outcome", ""), request.args.get("who", "").strip()
    wanted = Filter(kind if kind in KIND_NAMES else "", who)
    after = PageToken.parse(request.args.get("pageToken", ""))
    with authorizer.request_handle(key) as handle:
        page = read_page(handle, wanted, after)
    (card,) = read_cards(authorizer, [key])
    return render_page(
        "history.html",
        card=card,
        page=page,
        wanted=wanted,
        after=after,
        kinds=KIND_NAMES,
        trend=build_trend(_read_ended_runs(handle.job) or card.runs),
    )


def show_neighbor(key: str, run_id: str, which: str) -> BaseResponse:
    """Redirect to the run before or after a run of a job; ``which`` is ``previous`` or ``next``."""
    with current_authorizer().request_handle(key) as handle:
        found = find_neighbor(handle, parse_run_id(run_id), which)
    return redirect(page_url("lakeflow_console.show_run", key=key, run_id=found))


def compare_with_previous(key: str, run_id: str) -> BaseResponse:
    """Redirect to the comparison of a run with the one before it."""
    with current_authorizer().request_handle(key) as handle:
        ids = [find_neighbor(handle, parse_run_id(run_id), "previous"), run_id]
    return redirect(page_url("lakeflow_console.show_comparison", key=key, run=ids))


def read_page(handle: JobHandle, wanted: Filter, after: PageToken | None) -> Page:
    """Read a page of a job's history.

    :param after: ``None``: begin with the newest run.
    """
    found: list[Summary] = []
    runs_read = 0
    for _ in range(MAX_READS):
        batch = page_data.read_runs(handle, READ_SIZE, start_time_to=after.at if after else None)
        has_more = len(batch) == READ_SIZE
        older = _older(batch, after)
        for number, summary in enumerate(page_data.summarize_runs(handle, older), 1):
            runs_read += 1
            after = PageToken(summary.started or 0, summary.run_id)
            if wanted.matches(summary):
                found.append(summary)
            if len(found) == PAGE_SIZE:
                is_last = number == len(older) and not has_more
                return Page(_explain(handle, found), runs_read, after, has_more=not is_last)
        if not has_more:
            break
    return Page(_explain(handle, found), runs_read, after, has_more=has_more)


def _explain(handle: JobHandle, runs: Sequence[Summary]) -> list[Summary]:
    """Return runs with their root errors in place of the workspace's messages, where known."""
    ends = [EndedRun(run.run_id, run.state.outcome, run.ended) for run in runs]
    errors = read_root_errors(handle, ends)
    return [replace(run, message=errors.get(run.run_id, run.message)) for run in runs]


def _older(batch: list[BaseRun], after: PageToken | None) -> list[BaseRun]:
    """Return the runs of a list that come after the last run that was read."""
    ids = [run.run_id for run in batch]
    return batch[ids.index(after.number) + 1 :] if after and after.number in ids else batch


def _read_ended_runs(job: Job) -> list[Summary]:
    """Read the newest ended runs of a job from the record; none without one, or if it fails.

    The record has the runs of all users, so it does not serve a job that runs as its users.
    """
    if (record := current_state().record) is None or job.run_as != "app":
        return []
    # Only apps with a record import it.
    from ..record.recorded_runs import RunFilter

    wanted = RunFilter(job_keys=[job.key], state=RowState.ENDED)
    try:
        runs = record.list_runs(wanted, limit=MAX_TREND_RUNS)
        return [summarize_recorded(run) for run in runs]
    except LakeflowJobsError:  # the card's runs are enough
        return []


def find_neighbor(handle: JobHandle, run_id: int, which: str) -> int:
    """Return the id of the run before or after a run.

    :param which: ``previous`` or ``next``.
    :raises NotFound: there is none.
    """
    run, _ = page_data.read_run(handle, run_id)
    found = (_find_previous if which == "previous" else _find_next)(handle, run)
    if found is None:
        raise NotFound(f"There is no {which} run of this job.")
    return found


def _find_previous(handle: JobHandle, run: Run) -> int | None:
    listed = page_data.read_runs(handle, READ_SIZE, start_time_to=run.start_time)
    ids = [each.run_id for each in listed]
    older = ids[ids.index(run.run_id) + 1 :] if run.run_id in ids else []
    return older[0] if older else None


def _find_next(handle: JobHandle, run: Run) -> int | None:
    """Halve the time since a run until one read has the runs in it.

    The Jobs API lists the newest runs first, so the run after an old one is at the end of a long
    list.
    """
    start = run.start_time or 0
    # A list that ends at low has no later run than this one. One that ends at high may have more
    # than a read returns.
    low, high = start - 1, start
    until: int | None = None  # first all newer runs
    while until is None or low < until:
        listed = page_data.read_runs(handle, READ_SIZE, start_time_from=start, start_time_to=until)
        ids = [each.run_id for each in listed]
        if run.run_id in ids:
            if at := ids.index(run.run_id):
                return ids[at - 1]
            if until is None:
                return None
            low = until
        elif len(listed) < READ_SIZE:
            return None
        else:
            oldest = listed[-1].start_time or 0
            high = oldest if until is None else min(oldest, until - 1)
        until = (low + high + 1) // 2
    return None
