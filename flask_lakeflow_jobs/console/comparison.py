"""The comparison of two runs of a job: parameters, tasks, durations and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..runs.ids import parse_run_id
from . import queries
from .matrix import Row, build_cells, build_matrix
from .root_errors import EndedRun, read_root_errors
from .summaries import Summary, summarize
from .tasks import Cell

if TYPE_CHECKING:
    from ..handle import JobHandle


@dataclass(frozen=True)
class ParameterRow:
    """A parameter with its value in each run; ``None``: the run does not have it."""

    name: str
    values: Sequence[str | None]

    @property
    def differs(self) -> bool:
        return self.values[0] != self.values[1]


@dataclass(frozen=True)
class TaskRow:
    """A task in both runs."""

    row: Row

    @property
    def key(self) -> str:
        return self.row.key

    @property
    def cells(self) -> Sequence[Cell | None]:
        return self.row.cells

    @property
    def change(self) -> float | None:
        """The milliseconds by which the second run took longer; ``None``: not comparable."""
        lengths = [cell.length if cell is not None else None for cell in self.cells]
        if lengths[0] is None or lengths[1] is None:
            return None
        return lengths[1] - lengths[0]

    @property
    def differs(self) -> bool:
        """True if the states differ, or one of the runs does not have the task."""
        states = [cell and cell.state for cell in self.cells]
        return states[0] != states[1]


@dataclass(frozen=True)
class Comparison:
    """Two runs, the earlier one first.

    :param errors: the root error of each run, empty if there is none.
    """

    runs: Sequence[Summary]
    parameters: Sequence[ParameterRow]
    tasks: Sequence[TaskRow]
    errors: Sequence[str]

    @property
    def change(self) -> float | None:
        """The milliseconds by which the second run took longer."""
        lengths = [run.length for run in self.runs]
        return None if lengths[0] is None or lengths[1] is None else lengths[1] - lengths[0]


def build_comparison(
    runs: Sequence[Summary], columns: Sequence[Sequence[Cell]], errors: Sequence[str]
) -> Comparison:
    """Compare two runs.

    :param runs: the earlier one first.
    :param columns: the tasks of each run.
    :param errors: the root error of each run.
    """
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    rows = build_matrix(runs, columns).rows
    return Comparison(
        runs,
        [ParameterRow(name, [run.parameters.get(name) for run in runs]) for name in names],
        [TaskRow(row) for row in rows],
        errors,
    )


def parse_pair(values: Sequence[str]) -> list[int]:
    """Parse the ids of the two runs to compare.

    :raises InvalidRequest: these are not the ids of two runs.
    """
    run_ids = list(dict.fromkeys(parse_run_id(value) for value in values))
    if len(run_ids) != 2:
        raise InvalidRequest("Select two runs to compare: '?run=…&run=…' with the ids of both.")
    return run_ids


def read_comparison(handle: JobHandle, run_ids: Sequence[int]) -> Comparison:
    """Read two runs and compare them.

    :raises RunNotFound: this job has no such run.
    """
    moment, parameter = queries.now(), queries.requester_parameter()
    runs = [queries.read_run(handle, run_id)[0] for run_id in run_ids]
    runs.sort(key=lambda run: (run.start_time or 0, run.run_id or 0))
    actions = queries.read_actions(handle, runs)
    summaries = [
        summarize(run, moment, parameter, actions[run.run_id or 0].started_by) for run in runs
    ]
    ends = [EndedRun(run.run_id, run.state.outcome, run.ended) for run in summaries]
    errors = read_root_errors(handle, ends)
    return build_comparison(
        summaries,
        [build_cells(run, moment) for run in runs],
        [errors.get(run.run_id, run.message) for run in summaries],
    )
