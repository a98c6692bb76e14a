"""The tasks of several runs side by side, and the comparison of two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunParameters

from flask_lakeflow_jobs import InvalidRequest
from flask_lakeflow_jobs.runs.comparison import build_comparison, parse_pair
from flask_lakeflow_jobs.runs.matrix import Matrix, build_cells, build_rows
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests.run_documents import FAILED, SUCCEEDED, Document, run, run_state, task

NOW = 100_000
NEVER = run_state("TERMINATED", "UPSTREAM_FAILED")


def ended(key: str, start: int, seconds: int, state: Document, **fields: Any) -> Document:
    times = {"start_time": start, "end_time": start + 1000 * seconds}
    return task(key, state, execution_duration=1000 * seconds, **times, **fields)


EARLIER = run(
    SUCCEEDED,
    run_id=1,
    start_time=1000,
    end_time=9000,
    job_parameters=[{"name": "day", "default": "1"}, {"name": "to", "default": "x"}],
    tasks=[ended("b", 3000, 4, SUCCEEDED), ended("a", 1000, 2, SUCCEEDED)],
)
LATER = run(
    FAILED,
    run_id=2,
    start_time=20_000,
    end_time=24_000,
    job_parameters=[{"name": "day", "default": "1", "value": "2"}],
    tasks=[
        ended("a", 20_000, 1, FAILED, run_id=5),
        ended("a", 21_000, 3, FAILED, run_id=6, attempt_number=1),
        task("b", NEVER, start_time=24_000, end_time=24_000),
        ended("c", 20_500, 1, SUCCEEDED),
    ],
)


def test_rows_have_the_last_attempt_of_each_task_in_order_of_starts() -> None:
    rows = build_rows([build_cells(each, NOW) for each in (LATER, EARLIER)])
    assert [
        (row.key, [cell and (cell.outcome, cell.length, cell.number) for cell in row.cells])
        for row in rows
    ] == [
        ("c", [(Outcome.SUCCEEDED, 1000, 1), None]),
        ("a", [(Outcome.FAILED, 3000, 2), (Outcome.SUCCEEDED, 2000, 1)]),
        ("b", [(Outcome.UPSTREAM_FAILED, None, 1), (Outcome.SUCCEEDED, 4000, 1)]),
    ]


def test_matrix_in_json_has_an_entry_for_each_run_in_each_row() -> None:
    going = run(run_state("RUNNING"), run_id=3, start_time=NOW - 500, tasks=[])
    rows = build_rows([build_cells(each, NOW) for each in (going, EARLIER)])
    document = Matrix([going, EARLIER], rows, NOW).to_dict()
    assert document["runs"] == [
        {
            "runId": 3,
            "outcome": "running",
            "startTime": NOW - 500,
            "endTime": None,
            "duration": 500,
        },
        {"runId": 1, "outcome": "succeeded", "startTime": 1000, "endTime": 9000, "duration": 8000},
    ]
    assert [(row["task"], row["runs"][0]) for row in document["tasks"]] == [
        ("a", None),
        ("b", None),
    ]
    assert document["tasks"][1]["runs"][1] == {
        "taskRunId": EARLIER.tasks[0].run_id if EARLIER.tasks else 0,
        "attempt": 1,
        "outcome": "succeeded",
        "startTime": 3000,
        "endTime": 7000,
        "duration": 4000,
    }


def test_comparison_marks_what_differs() -> None:
    compared = build_comparison([EARLIER, LATER], ["", "x"], NOW)
    assert compared.change == -4000
    assert [(row.name, [*row.values], row.differs) for row in compared.parameters] == [
        ("day", ["1", "2"], True),
        ("to", ["x", None], True),
    ]
    assert [(row.key, row.change, row.differs) for row in compared.tasks] == [
        ("a", 1000, True),
        ("b", None, True),
        ("c", None, True),
    ]
    document = compared.to_dict()
    assert [(each["runId"], each["error"]) for each in document["runs"]] == [(1, None), (2, "x")]
    assert document["tasks"][0]["change"] == 1000


def test_comparison_tells_an_empty_parameter_from_a_missing_one() -> None:
    with_empty = replace(LATER, overriding_parameters=RunParameters(python_named_params={"to": ""}))
    compared = build_comparison([replace(EARLIER, job_parameters=[]), with_empty], ["", ""], NOW)
    (to,) = (each for each in compared.parameters if each.name == "to")
    assert (to.values, to.differs) == ([None, ""], True)


@pytest.mark.parametrize("values", [[], ["1"], ["1", "1"], ["1", "2", "3"], ["1", "x"]])
def test_pair_is_of_two_different_runs(values: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        parse_pair(values)
    assert parse_pair(["2", "1", "2"]) == (2, 1)
