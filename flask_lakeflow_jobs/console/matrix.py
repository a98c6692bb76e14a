"""The last runs of a job by task: states and durations in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import RunNotFound
from ..globals import current_state
from ..reader import cached_reads_of
from ..runs.outcome import has_ended, select_last_attempts
from . import queries
from .axis import Axis
from .filters import KIND_NAMES
from .state import console_state
from .summaries import Summary, summarize
from .tasks import Cell, build_attempt

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import BaseRun, Run

#: Runs in a matrix.
MAX_RUNS = 25


@dataclass(frozen=True)
class Row:
    """A task.

    :param cells: by run, as the columns; ``None``: the run does not have the task.
    """

    key: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Matrix:
    """The tasks of the last runs.

    :param runs: the columns, newest first.
    :param rows: the tasks in the order in which they started in the newest run that has them.
    """

    runs: Sequence[Summary]
    rows: Sequence[Row]

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of states in the cells, for the legend."""
        found = {cell.state.kind for row in self.rows for cell in row.cells if cell is not None}
        found |= {run.state.kind for run in self.runs}
        return {kind: name for kind, name in KIND_NAMES.items() if kind in found}


def build_cells(run: Run, now: float) -> list[Cell]:
    """Return the tasks of a run, in the order of their starts.

    :param now: milliseconds since the epoch.
    """
    axis = Axis(0, 1)  # a cell has no place on one
    attempts = (
        build_attempt(task, now, axis, is_last=True) for task in select_last_attempts(run.tasks)
    )
    cells = [
        Cell(each.key, each.run_id, each.number, each.state, each.started, each.ended, each.length)
        for each in attempts
    ]
    return sorted(cells, key=lambda cell: (cell.started is None, cell.started or 0))


def build_matrix(runs: Sequence[Summary], columns: Sequence[Sequence[Cell]]) -> Matrix:
    """Arrange the tasks of runs.

    :param runs: newest first.
    :param columns: the tasks of each run.
    """
    keys = dict.fromkeys(cell.key for column in columns for cell in column)
    by_key: list[Mapping[str, Cell]] = [{cell.key: cell for cell in column} for column in columns]
    return Matrix(runs, [Row(key, [column.get(key) for column in by_key]) for key in keys])


def read_matrix(handle: JobHandle) -> Matrix:
    """Read the last runs of a job with their tasks; those of ended runs only once."""
    moment, parameter = queries.now(), queries.requester_parameter()
    runs = queries.list_runs(handle, MAX_RUNS)
    actions = queries.read_actions(handle, runs)
    summaries = [
        summarize(run, moment, parameter, actions[run.run_id or 0].started_by) for run in runs
    ]
    return build_matrix(summaries, _read_columns(handle, runs, moment))


def _read_columns(
    handle: JobHandle, runs: Sequence[BaseRun], moment: float
) -> list[Sequence[Cell]]:
    upstream, memo = current_state().upstream, console_state().matrix_columns
    reads = cached_reads_of(handle, stale_if_error=True)

    def read(run: BaseRun) -> Sequence[Cell]:
        key = (reads.identity_key, handle.job.job_id, run.run_id, run.end_time)
        column = memo.get(key) if has_ended(run) else None
        if column is None:
            try:
                document = reads.get_run(run.run_id or 0).value
            except RunNotFound:  # deleted since it was listed
                return ()
            column = build_cells(upstream.parse_run(document), moment)
            # The document may be from before a repair.
            if has_ended(run) and document.get("end_time") == run.end_time:
                memo.put(key, column, len(column) + 1)
        return column

    return reads.run_concurrently(read, runs)
