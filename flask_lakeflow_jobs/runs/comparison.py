"""The comparison of two runs of a job: parameters, tasks, durations and errors. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from .durations import length_of
from .ids import parse_run_id
from .matrix import Row, build_cells, build_rows, describe_run, round_length
from .run_parameters import parameters_of

if TYPE_CHECKING:
    from ..sdk_types import Run


@dataclass(frozen=True)
class ComparedParameter:
    """A parameter.

    :param values: in each run; ``None``: the run does not have it.
    :param differs: whether the values differ.
    """

    name: str
    values: Sequence[str | None]
    differs: bool


class ComparedTask(Row):
    """A task in both runs."""

    @property
    def change(self) -> float | None:
        """The milliseconds by which it took longer in the second run; ``None``: not comparable."""
        return _subtract([cell and cell.length for cell in self.cells])

    @property
    def differs(self) -> bool:
        """True if the outcomes differ, or one of the runs does not have the task."""
        first, second = [cell and cell.outcome for cell in self.cells]
        return first != second

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "change": round_length(self.change),
            "differs": self.differs,
        }


@dataclass(frozen=True)
class Comparison:
    """Two runs of a job, the earlier one first.

    :param runs: with their tasks, and with secrets redacted.
    :param errors: the root error of each run, empty if there is none.
    :param now: when the runs were read, in milliseconds since the epoch.
    """

    runs: Sequence[Run]
    parameters: Sequence[ComparedParameter]
    tasks: Sequence[ComparedTask]
    errors: Sequence[str]
    now: float

    @property
    def change(self) -> float | None:
        """The milliseconds by which the second run took longer; ``None``: not comparable."""
        return _subtract([length_of(run, self.now) for run in self.runs])

    def to_dict(self) -> dict[str, Any]:
        return {
            "runs": [
                {**describe_run(run, self.now), "error": error or None}
                for run, error in zip(self.runs, self.errors, strict=True)
            ],
            "change": round_length(self.change),
            "parameters": [asdict(each) for each in self.parameters],
            "tasks": [task.to_dict() for task in self.tasks],
        }


def build_comparison(runs: Sequence[Run], errors: Sequence[str], now: float) -> Comparison:
    """Compare two runs.

    :param runs: the earlier one first.
    :param errors: the root error of each run.
    :param now: milliseconds since the epoch.
    """
    given = [parameters_of(run) for run in runs]
    values = {
        name: [each.get(name) for each in given]
        for name in dict.fromkeys(name for each in given for name in each)
    }
    return Comparison(
        runs,
        [ComparedParameter(name, pair, pair[0] != pair[1]) for name, pair in values.items()],
        [
            ComparedTask(row.key, row.cells)
            for row in build_rows([build_cells(run, now) for run in runs])
        ],
        errors,
        now,
    )


def parse_pair(values: Sequence[str]) -> tuple[int, int]:
    """Parse the ids of the two runs to compare.

    :raises InvalidRequest: these are not the ids of two runs.
    """
    run_ids = list(dict.fromkeys(map(parse_run_id, values)))
    if len(run_ids) != 2:
        raise InvalidRequest("Select two runs to compare: '?run=…&run=…' with the ids of both.")
    return run_ids[0], run_ids[1]


def _subtract(lengths: Sequence[float | None]) -> float | None:
    first, second = lengths
    return None if first is None or second is None else second - first
