"""The rules of a run, as tables."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.engine import rules
from flask_lakeflow_jobs.local.model import RUN_IF_RULES, TaskRun
from flask_lakeflow_jobs.local.states import State
from tests.local.support import depends_on

STATES = {
    "SUCCESS": states.SUCCESS,
    "SUCCESS_WITH_FAILURES": states.SUCCESS_WITH_FAILURES,
    "FAILED": states.FAILED,
    "CANCELED": states.CANCELED,
    "TIMEDOUT": states.TIMED_OUT,
    "UPSTREAM_FAILED": states.UPSTREAM_FAILED,
    "UPSTREAM_CANCELED": states.UPSTREAM_CANCELED,
    "EXCLUDED": states.EXCLUDED,
    "DISABLED": states.DISABLED,
}


def attempts(**results: str) -> dict[str, TaskRun]:
    return {
        key: TaskRun(number, {"task_key": key}, state=STATES.get(result, states.RUNNING))
        for number, (key, result) in enumerate(results.items())
    }


@pytest.mark.parametrize(
    ("rule", "a", "b", "expected"),
    [
        ("ALL_SUCCESS", "SUCCESS", "SUCCESS", None),
        ("ALL_SUCCESS", "SUCCESS", "SUCCESS_WITH_FAILURES", None),
        ("ALL_SUCCESS", "SUCCESS", "FAILED", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "SUCCESS", "TIMEDOUT", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "SUCCESS", "CANCELED", "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", "SUCCESS", "UPSTREAM_CANCELED", "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", "FAILED", "CANCELED", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "SUCCESS", "EXCLUDED", "EXCLUDED"),
        ("ALL_SUCCESS", "SUCCESS", "DISABLED", "EXCLUDED"),
        ("ALL_DONE", "FAILED", "CANCELED", None),
        ("ALL_DONE", "EXCLUDED", "EXCLUDED", None),
        ("NONE_FAILED", "SUCCESS", "SUCCESS", None),
        ("NONE_FAILED", "SUCCESS", "EXCLUDED", None),
        ("NONE_FAILED", "EXCLUDED", "EXCLUDED", "EXCLUDED"),
        ("NONE_FAILED", "SUCCESS", "FAILED", "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_SUCCESS", "SUCCESS", "FAILED", None),
        ("AT_LEAST_ONE_SUCCESS", "FAILED", "FAILED", "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_SUCCESS", "CANCELED", "CANCELED", "UPSTREAM_CANCELED"),
        ("ALL_FAILED", "FAILED", "FAILED", None),
        ("ALL_FAILED", "SUCCESS", "FAILED", "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", "SUCCESS", "FAILED", None),
        ("AT_LEAST_ONE_FAILED", "SUCCESS", "SUCCESS", "EXCLUDED"),
    ],
)
def test_skipped_state_follows_run_if(rule: str, a: str, b: str, expected: str | None) -> None:
    spec = {"task_key": "c", "depends_on": depends_on("a", "b"), "run_if": rule}
    state = rules.evaluate_run_if(spec, attempts(a=a, b=b))
    assert (state and state.result) == expected


@pytest.mark.parametrize("rule", RUN_IF_RULES)
def test_skipped_state_without_dependencies_is_none(rule: str) -> None:
    assert rules.evaluate_run_if({"task_key": "a", "run_if": rule}, {}) is None


def test_skipped_state_defaults_to_all_success() -> None:
    spec = {"task_key": "c", "depends_on": depends_on("a")}
    assert rules.evaluate_run_if(spec, attempts(a="FAILED")) == states.UPSTREAM_FAILED


def test_skipped_state_ignores_tasks_that_are_not_part_of_the_run() -> None:
    spec = {"task_key": "c", "depends_on": depends_on("a", "absent")}
    assert rules.evaluate_run_if(spec, attempts(a="SUCCESS")) is None


def test_skipped_state_of_a_disabled_task_is_disabled() -> None:
    spec = {"task_key": "c", "depends_on": depends_on("a"), "disabled": True}
    assert rules.evaluate_run_if(spec, attempts(a="FAILED")) == states.DISABLED


@pytest.mark.parametrize(("outcome", "expected"), [("true", None), ("false", states.EXCLUDED)])
def test_skipped_state_follows_the_outcome_of_a_condition(
    outcome: str, expected: State | None
) -> None:
    check = TaskRun(1, {"task_key": "check"}, state=states.SUCCESS, outcome=outcome)
    spec = {"task_key": "c", "depends_on": [{"task_key": "check", "outcome": "true"}]}
    assert rules.evaluate_run_if(spec, {"check": check}) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [("SUCCESS", "EXCLUDED", True), ("SUCCESS", "RUNNING", False), ("SUCCESS", None, True)],
)
def test_dependencies_ended_once_all_are_terminal(a: str, b: str | None, expected: bool) -> None:
    latest = attempts(a=a, **({"b": b} if b else {}))
    assert rules.have_dependencies_ended({"depends_on": depends_on("a", "b")}, latest) is expected


@pytest.mark.parametrize(
    ("inner", "leaf", "life_cycle", "result"),
    [
        ("SUCCESS", "SUCCESS", "TERMINATED", "SUCCESS"),
        ("SUCCESS", "EXCLUDED", "TERMINATED", "SUCCESS"),
        ("FAILED", "SUCCESS", "TERMINATED", "SUCCESS_WITH_FAILURES"),
        ("SUCCESS", "FAILED", "INTERNAL_ERROR", "FAILED"),
        ("FAILED", "UPSTREAM_FAILED", "INTERNAL_ERROR", "FAILED"),
        ("CANCELED", "UPSTREAM_CANCELED", "TERMINATED", "CANCELED"),
        ("SUCCESS", "CANCELED", "TERMINATED", "CANCELED"),
        ("FAILED", "CANCELED", "INTERNAL_ERROR", "FAILED"),
        # after a repair of the inner task alone
        ("SUCCESS", "UPSTREAM_FAILED", "INTERNAL_ERROR", "FAILED"),
        ("SUCCESS", "UPSTREAM_CANCELED", "TERMINATED", "CANCELED"),
    ],
)
def test_final_state_follows_the_leaves(
    inner: str, leaf: str, life_cycle: str, result: str
) -> None:
    tasks = [
        TaskRun(1, {"task_key": "a"}, state=STATES[inner]),
        TaskRun(2, {"task_key": "b", "depends_on": depends_on("a")}, state=STATES[leaf]),
    ]
    state = rules.compute_final_state(tasks)
    assert (state.life_cycle, state.result) == (life_cycle, result)


@pytest.mark.parametrize(
    ("leaf", "ending"),
    [("UPSTREAM_FAILED", " This caused all downstream tasks to get skipped."), ("SUCCESS", "")],
)
def test_final_state_names_the_task_that_failed(leaf: str, ending: str) -> None:
    tasks = [
        TaskRun(3, {"task_key": "c"}, state=states.CANCELED),
        TaskRun(1, {"task_key": "a"}, state=states.FAILED.because("No rows.")),
        TaskRun(2, {"task_key": "b"}, state=STATES[leaf]),
    ]
    assert (
        rules.compute_final_state(tasks).message == f"Task a failed with message: No rows.{ending}"
    )


@pytest.mark.parametrize(
    ("spec", "retry", "state", "expected"),
    [
        ({}, 0, states.FAILED, False),
        ({"max_retries": 2}, 1, states.FAILED, True),
        ({"max_retries": 2}, 2, states.FAILED, False),
        ({"max_retries": -1}, 99, states.FAILED, True),
        ({"max_retries": 2}, 0, states.SUCCESS, False),
        ({"max_retries": 2}, 0, states.CANCELED, False),
        ({"max_retries": 2}, 0, states.UPSTREAM_FAILED, False),
        ({"max_retries": 2}, 0, states.INVALID_TASK, False),
        ({"max_retries": 2}, 0, states.TIMED_OUT, False),
        ({"max_retries": 2, "retry_on_timeout": True}, 0, states.TIMED_OUT, True),
        ({"max_retries": 2, "retry_on_timeout": True}, 2, states.TIMED_OUT, False),
    ],
)
def test_may_retry(spec: dict[str, Any], retry: int, state: State, expected: bool) -> None:
    task = TaskRun(1, {"task_key": "a", **spec}, retry=retry, state=state)
    assert rules.may_retry(task) is expected


@pytest.mark.parametrize(
    ("only", "selected"),
    [
        ([], ""),
        (["b"], "b"),
        (["+b"], "ab"),
        (["b+"], "bcd"),
        (["+b+"], "abcd"),
        (["+c", "x"], "abcx"),
    ],
)
def test_select_keys(only: list[str], selected: str) -> None:
    edges = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "x": []}
    tasks = [{"task_key": key, "depends_on": depends_on(*edges[key])} for key in edges]
    assert rules.select_keys(tasks, only) == set(selected)


def test_select_keys_of_a_long_chain_visits_each_task_once() -> None:
    keys = [f"t{number}" for number in range(20_000)]
    tasks: list[dict[str, Any]] = [{"task_key": "t0"}]
    for parent, key in itertools.pairwise(keys):
        tasks.append({"task_key": key, "depends_on": depends_on(parent)})
    assert rules.select_keys(tasks, [f"+{key}" for key in keys]) == set(keys)


def test_select_keys_of_an_unknown_task_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        rules.select_keys([{"task_key": "a"}], ["nowhere+"])
