"""The tasks of several runs of a job side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .durations import length_of, times_of
from .outcome import Outcome, has_ended, outcome_of, select_last_attempts

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run

#: Runs in a matrix. Each is read once, and those that have not ended again.
MAX_RUNS = 25


class MatrixCell(NamedTuple):
    """The last attempt of a task in one run. Times are in milliseconds since the epoch.

    :param run_id: of the attempt.
    :param number: of the attempt, counted from 1.
    :param started: ``None``: it has not started.
    :param ended: ``None``: it has not ended.
    :param length: milliseconds that it took, or has taken so far.
    :param counts_from: since when these count.
    """

    key: str
    run_id: int | None
    number: int
    outcome: Outcome
    started: int | None
    ended: int | None
    length: float | None
    counts_from: int | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "taskRunId": self.run_id,
            "attempt": self.number,
            "outcome": self.outcome.value,
            "startTime": self.started,
            "endTime": self.ended,
            "duration": round_length(self.length),
        }


@dataclass(frozen=True)
class Row:
    """A task.

    :param cells: by run, as the columns; ``None``: the run does not have the task.
    """

    key: str
    cells: Sequence[MatrixCell | None]

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.key, "runs": [cell and cell.to_dict() for cell in self.cells]}


@dataclass(frozen=True)
class Matrix:
    """The tasks of the last runs of a job.

    :param runs: the columns, newest first; without their tasks.
    :param rows: the tasks in the order in which they started in the newest run that has them.
    :param now: when the runs were read, in milliseconds since the epoch.
    """

    runs: Sequence[BaseRun | Run]
    rows: Sequence[Row]
    now: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "runs": [describe_run(run, self.now) for run in self.runs],
            "tasks": [row.to_dict() for row in self.rows],
        }


def build_cells(run: Run, now: float) -> list[MatrixCell]:
    """Return the tasks of a run, in the order of their starts.

    :param now: milliseconds since the epoch.
    """
    cells = [
        MatrixCell(
            task.task_key,
            task.run_id,
            (task.attempt_number or 0) + 1,
            outcome_of(task),
            *times_of(task, now),
        )
        for task in select_last_attempts(run.tasks)
    ]
    return sorted(cells, key=lambda cell: (cell.started is None, cell.started or 0))


def build_rows(columns: Sequence[Sequence[MatrixCell]]) -> list[Row]:
    """Arrange the tasks of runs.

    :param columns: the tasks of each run.
    """
    keys = dict.fromkeys(cell.key for column in columns for cell in column)
    by_key = [{cell.key: cell for cell in column} for column in columns]
    return [Row(key, [column.get(key) for column in by_key]) for key in keys]


def describe_run(run: Run | BaseRun, now: float) -> dict[str, Any]:
    """Return a run for JSON, without its tasks.

    :param now: milliseconds since the epoch.
    """
    return {
        "runId": run.run_id,
        "outcome": outcome_of(run).value,
        "startTime": run.start_time or None,
        "endTime": (run.end_time or None) if has_ended(run) else None,
        "duration": round_length(length_of(run, now)),
    }


def round_length(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else round(milliseconds)
