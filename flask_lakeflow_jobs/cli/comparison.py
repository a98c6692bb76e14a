"""The comparison of two runs as text for people. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runs.durations import format_change, format_duration
from ..runs.outcome import outcome_of
from .formatting import format_elapsed, format_moment, format_outcome
from .tables import format_table

if TYPE_CHECKING:
    from ..runs.comparison import Comparison
    from ..runs.matrix import Cell


def format_comparison(compared: Comparison, width: int | None = None) -> list[str]:
    """Format two runs side by side: facts and parameters, then tasks.

    :param width: as for :func:`.format_table`.
    """
    runs, now = compared.runs, compared.now / 1000
    facts = [
        ["Run", *(str(run.run_id) for run in runs), ""],
        ["Outcome", *(format_outcome(outcome_of(run)) for run in runs), ""],
        ["Started", *(format_moment(run.start_time) for run in runs), ""],
        ["Duration", *(format_elapsed(run, now) for run in runs), _change(compared.change)],
    ]
    facts += [
        [
            each.name,
            *("-" if value is None else value for value in each.values),
            "differs" if each.differs else "",
        ]
        for each in compared.parameters
    ]
    tasks = [
        [task.key, *map(_format_cell, task.cells), _change(task.change)] for task in compared.tasks
    ]
    header = ["EARLIER RUN", "LATER RUN", "CHANGE"]
    pairs = zip(runs, compared.errors, strict=True)
    return [
        *format_table(["", *header], facts, width),
        *(f"Error of run {run.run_id}: {error}" for run, error in pairs if error),
        "",
        *format_table(["TASK", *header], tasks, width),
    ]


def _format_cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    length = None if cell.length is None else cell.length / 1000
    text = format_duration(length, whole_seconds=cell.ended is None)
    return f"{format_outcome(cell.outcome)} {text}".rstrip()


def _change(milliseconds: float | None) -> str:
    return format_change(None if milliseconds is None else milliseconds / 1000)
