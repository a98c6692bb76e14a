"""The runs of a job before and after one of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound

from . import page_data
from .history import READ_SIZE

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import Run


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
    listed = page_data.list_runs(handle, READ_SIZE, start_time_to=run.start_time)
    ids = [each.run_id for each in listed]
    older = ids[ids.index(run.run_id) + 1 :] if run.run_id in ids else []
    return older[0] if older else None


def _find_next(handle: JobHandle, run: Run) -> int | None:
    """Halve the time since a run until one read has the runs in it.

    The Jobs API lists the newest runs first, so the run after an old one is at the end of a long
    list.
    """
    start = run.start_time or 0
    low, high = start - 1, start  # until one: no later run; until the other: perhaps too many
    until: int | None = None  # first all newer runs
    while until is None or low < until:
        listed = page_data.list_runs(handle, READ_SIZE, start_time_from=start, start_time_to=until)
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
