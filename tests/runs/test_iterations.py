"""Iterations of for-each tasks: their numbers and inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_lakeflow_jobs.runs.iterations import Iteration, parse_iterations, select_failed
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests.run_documents import FAILED, SUCCEEDED, run_state


def iteration(run_id: int, region: str | None, **fields: Any) -> dict[str, Any]:
    values = {} if region is None else {"notebook_task": {"base_parameters": {"region": region}}}
    return {"run_id": run_id, "resolved_values": values, **(fields or SUCCEEDED)}


def loop(inputs: Any, *iterations: dict[str, Any]) -> dict[str, Any]:
    text = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return {"tasks": [{"for_each_task": {"inputs": text}}], "iterations": list(iterations)}


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        (["north", "süd"], ["north", "süd"]),
        ([{"a": 1, "apiToken": "x"}, 5], ['{"a": 1, "apiToken": "***"}', "5"]),
        ("{{tasks.list.values.regions}}", ["n", "s"]),
        (["one"], ["n", "s"]),
        ("[" * 100_000, ["n", "s"]),
    ],
)
def test_list_iterations_has_the_inputs_or_else_the_parameters(
    inputs: Any, shown: list[str]
) -> None:
    found = parse_iterations(loop(inputs, iteration(1, "n"), iteration(2, "s")), {})
    assert [(each.number, each.run_id, each.input) for each in found] == [
        (1, 1, shown[0]),
        (2, 2, shown[1]),
    ]


def test_list_iterations_puts_a_retry_after_its_first_attempt() -> None:
    retry = iteration(3, "n", **SUCCEEDED, attempt_number=1, start_time=5, end_time=9)
    first = iteration(1, "n", **FAILED, start_time=1, end_time=4)
    waiting = iteration(2, "s", **run_state("BLOCKED"))
    found = parse_iterations(loop(["n", "s"], first, waiting, retry), {})
    assert [(each.number, each.attempt, each.outcome, each.duration) for each in found] == [
        (1, 1, Outcome.FAILED, 3),
        (1, 2, Outcome.SUCCEEDED, 4),
        (2, 1, Outcome.BLOCKED, None),
    ]
    assert found[0].to_dict() == {
        "iteration": 1,
        "taskRunId": 1,
        "attempt": 1,
        "input": "n",
        "outcome": "failed",
        "startTime": 1,
        "endTime": 4,
        "duration": 3,
    }


def test_list_iterations_with_equal_parameters_gives_retries_in_order() -> None:
    numbers = [
        (1, "n", 0),
        (2, "s", 0),
        (3, "n", 0),
        (4, "n", 1),
        (5, "n", 1),
        (6, "n", 2),
        (7, "x", 1),
    ]
    found = parse_iterations(
        loop("", *(iteration(run_id, text, attempt_number=at) for run_id, text, at in numbers)),
        {},
    )
    assert [(each.number, each.attempt, each.run_id, each.input) for each in found] == [
        (1, 1, 1, "n"),
        (1, 2, 4, "n"),
        (1, 3, 6, "n"),
        (2, 1, 2, "s"),
        (3, 1, 3, "n"),
        (3, 2, 5, "n"),
        (3, 2, 7, "x"),
    ]


def test_list_iterations_redacts_secret_parameters() -> None:
    secret = {"notebook_task": {"base_parameters": {"password": "x", "b": "y"}}}
    (found,) = parse_iterations(loop("", {**iteration(1, None), "resolved_values": secret}), {})
    assert found.input == '{"password": "***", "b": "y"}'


def test_list_iterations_redacts_numbers_that_the_schema_declares_as_secrets() -> None:
    (found,) = parse_iterations(loop([{"pin": 4711, "n": 1}], iteration(1, "n")), {"pin": True})
    assert found.input == '{"pin": "***", "n": 1}'


def test_select_failed_returns_last_attempts_that_failed() -> None:
    attempts = [
        Iteration(1, 11, 1, "a", Outcome.FAILED, 1, 2),
        Iteration(1, 21, 2, "a", Outcome.SUCCEEDED, 3, 4),
        Iteration(2, 12, 1, "b", Outcome.FAILED, 1, 2),
        Iteration(2, 22, 2, "b", Outcome.TIMED_OUT, 3, 4),
        Iteration(3, 13, 1, "c", Outcome.RUNNING, 1, None),
        Iteration(4, 14, 1, "d", Outcome.UPSTREAM_FAILED, None, 2),
    ]
    assert [each.run_id for each in select_failed(attempts)] == [22]
