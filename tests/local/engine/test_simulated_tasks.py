"""Simulated tasks: their results, output and durations."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.model import TaskRun
from flask_lakeflow_jobs.local.tasks.kinds import simulate
from flask_lakeflow_jobs.local.tasks.work import SimulatedWork


@pytest.mark.parametrize(
    ("fields", "attempt", "expected"),
    [
        ({}, 0, SimulatedWork(0, states.SUCCESS)),
        ({"seconds": 2}, 0, SimulatedWork(2, states.SUCCESS)),
        ({"seconds": 2, "tasks": {"a": {"seconds": 3}}}, 0, SimulatedWork(3, states.SUCCESS)),
        ({"seconds": 2, "tasks": {"b": {"seconds": 3}}}, 0, SimulatedWork(2, states.SUCCESS)),
        ({"values": {"n": 1}}, 0, SimulatedWork(0, states.SUCCESS, {}, {"n": 1})),
        (
            {"output": 5},
            0,
            SimulatedWork(0, states.SUCCESS, {"logs": "5"}),
        ),
        (
            {"result": "FAILED", "error": "no rows"},
            0,
            SimulatedWork(0, states.FAILED, {"error": "no rows", "error_trace": "no rows"}),
        ),
        ({"result": ["TIMEDOUT", "CANCELED"]}, 0, SimulatedWork(0, states.TIMED_OUT)),
        ({"result": ["TIMEDOUT", "CANCELED"]}, 1, SimulatedWork(0, states.CANCELED)),
        ({"result": ["TIMEDOUT", "CANCELED"]}, 9, SimulatedWork(0, states.CANCELED)),
    ],
)
def test_simulated_task(fields: dict[str, Any], attempt: int, expected: SimulatedWork) -> None:
    assert simulate(fields, TaskRun(1, {"task_key": "a"}, attempt=attempt)) == expected


def test_output_of_a_simulated_notebook_is_its_result() -> None:
    notebook = TaskRun(1, {"task_key": "a", "notebook_task": {}})
    assert simulate({"output": 5}, notebook).output == {"result": "5"}


def test_simulated_duration_lies_between_two_bounds() -> None:
    for _ in range(20):
        assert 3 <= simulate({"seconds": [3, 4]}, TaskRun(1, {"task_key": "a"})).seconds <= 4
