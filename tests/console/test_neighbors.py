"""The runs before and after a run, however many came later."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound

from flask_lakeflow_jobs.console import neighbors

HANDLE: Any = None


class Workspace:
    """Lists runs as the Jobs API does: newest first, between two times.

    :param starts: of its runs, whose ids are their places from 1 on.
    """

    def __init__(self, starts: list[int]) -> None:
        self.runs = [
            SimpleNamespace(run_id=number, start_time=start)
            for number, start in enumerate(starts, 1)
        ]
        self.reads = 0

    def list_runs(
        self,
        _handle: object,
        limit: int,
        start_time_from: int | None = None,
        start_time_to: int | None = None,
    ) -> list[SimpleNamespace]:
        self.reads += 1
        found = [
            run
            for run in reversed(self.runs)
            if (start_time_from is None or run.start_time >= start_time_from)
            and (start_time_to is None or run.start_time <= start_time_to)
        ]
        return found[:limit]

    def read_run(self, _handle: object, run_id: int) -> tuple[SimpleNamespace, None]:
        return self.runs[run_id - 1], None


def find(workspace: Workspace, run_id: int, which: str) -> int | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "page_data", workspace)
        try:
            return neighbors.find_neighbor(HANDLE, run_id, which)
        except NotFound:
            return None


@given(
    # At most 20 gaps of zero, so that no read is full of runs that started at one moment.
    st.lists(st.integers(1, 10**9), max_size=200).flatmap(
        lambda gaps: st.permutations(gaps + [0] * min(20, len(gaps)))
    ),
    st.data(),
)
def test_each_run_has_its_neighbors(gaps: list[int], data: st.DataObject) -> None:
    starts = [1_000_000]
    for gap in gaps:
        starts.append(starts[-1] + gap)
    workspace, count = Workspace(starts), len(starts)
    run_id = data.draw(st.integers(1, count))
    assert find(workspace, run_id, "next") == (run_id + 1 if run_id < count else None)
    assert find(workspace, run_id, "previous") == (run_id - 1 or None)


def test_next_run_of_many_at_one_moment_is_found() -> None:
    starts = [1_000, 1_000, *range(1_001, 1_015), *[1_015] * 12]
    assert find(Workspace(starts), 1, "next") == 2


def test_next_run_after_an_old_one_takes_few_reads() -> None:
    workspace = Workspace([1_000_000 + 3_600_000 * number for number in range(5_000)])
    assert find(workspace, 1, "next") == 2
    assert workspace.reads < 12


def test_more_runs_at_one_moment_than_a_read_has_end_the_search() -> None:
    workspace = Workspace([5, *[1_000] * 100])
    assert find(workspace, 1, "next") is None
    assert find(Workspace([5] * 100), 1, "next") is None
