"""Conditions and for-each tasks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.conftest import Serve
from tests.local.support import depends_on, python_task, state_fields, state_message, task_results
from tests.support import wait_until


def condition(key: str, left: str, op: str, right: str, **more: Any) -> dict[str, Any]:
    body = {"left": left, "op": op, "right": right}
    return {"task_key": key, "condition_task": body, **more}


@pytest.mark.parametrize(
    ("left", "op", "right", "outcome"),
    [
        ("{{job.parameters.rows}}", "GREATER_THAN", "5", "true"),
        ("10", "LESS_THAN", "9", "false"),
    ],
)
def test_condition_selects_a_branch(
    serve: Serve, left: str, op: str, right: str, outcome: str
) -> None:
    branches = [
        python_task(key, depends_on=[{"task_key": "check", "outcome": key}])
        for key in ("true", "false")
    ]
    last = python_task("last", depends_on=depends_on("true", "false"), run_if="NONE_FAILED")
    job = {
        "parameters": [{"name": "rows", "default": "10"}],
        "tasks": [condition("check", left, op, right), *branches, last],
    }
    client = serve({"etl": job}, {"main.py": ""})
    run = client.run("etl")
    other = "false" if outcome == "true" else "true"
    assert task_results(run) == {
        "check": "SUCCESS",
        outcome: "SUCCESS",
        other: "EXCLUDED",
        "last": "SUCCESS",
    }
    assert state_fields(run)[1] == "SUCCESS"
    (check, *_) = run.tasks or []
    assert check.condition_task is not None
    assert check.condition_task.outcome == outcome
    assert (check.condition_task.left, check.resolved_values) == (left, None)
    assert run.run_id is not None
    resolved = client.jobs.get_run(run.run_id, include_resolved_values=True)
    values = (resolved.tasks or [])[0].resolved_values
    assert values is not None
    replaced = "10" if left == "{{job.parameters.rows}}" else left
    assert values.as_dict() == {"condition_task": {"left": replaced, "right": right}}


# For-each tasks


def for_each(key: str, inputs: Any, task: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"task_key": key, "for_each_task": {"inputs": inputs, "task": task, **more}}


def test_for_each_runs_its_task_for_each_input(serve: Serve) -> None:
    inner = python_task("each", "main.py", "{{input.day}}", "{{input.place}}", "{{task.name}}")
    inputs = '[{"day": 1, "place": "x"}, {"day": 2, "place": [3]}]'
    tasks = [
        for_each("loop", inputs, inner, concurrency=2),
        python_task("last", "last.py", depends_on=depends_on("loop")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}}, {"main.py": "import sys; print(sys.argv[1:])", "last.py": ""}
    )
    run = client.run("etl")
    assert task_results(run) == {"loop": "SUCCESS", "last": "SUCCESS"}
    (loop, _) = run.tasks or []
    assert loop.run_id is not None
    loop_run = client.jobs.get_run(loop.run_id)
    logs = [
        client.jobs.get_run_output(each.run_id).logs
        for each in loop_run.iterations or []
        if each.run_id
    ]
    assert logs == ["['1', 'x', 'each']\n", "['2', '[3]', 'each']\n"]
    assert loop.for_each_task is not None
    assert loop.for_each_task.stats is not None
    assert loop.for_each_task.stats.task_run_stats is not None
    assert loop.for_each_task.stats.task_run_stats.as_dict() == {
        "total_iterations": 2,
        "scheduled_iterations": 2,
        "active_iterations": 0,
        "completed_iterations": 2,
        "succeeded_iterations": 2,
        "failed_iterations": 0,
    }


def test_for_each_over_a_task_value_fails_with_an_iteration(serve: Serve) -> None:
    code = "from databricks.sdk.runtime import dbutils; dbutils.jobs.taskValues.set('n', [1, 2, 3])"
    loop = for_each("loop", "{{tasks.list.values.n}}", python_task("each", "each.py", "{{input}}"))
    loop["depends_on"] = depends_on("list")
    client = serve(
        {"etl": {"tasks": [python_task("list"), loop]}},
        {"main.py": code, "each.py": "import sys; assert sys.argv[1] != '2'"},
    )
    run = client.run("etl")
    assert task_results(run) == {"list": "SUCCESS", "loop": "FAILED"}
    (_, task) = run.tasks or []
    assert state_message(task) == "1 of 3 iterations failed, see their output for details"
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")


def test_cancel_of_a_for_each_cancels_its_iterations(serve: Serve) -> None:
    loop = for_each("loop", "[1, 2, 3]", python_task("each"))
    client = serve({"etl": {"tasks": [loop]}}, {"main.py": "import time; time.sleep(1000)"})
    run_id = client.start("etl")
    (task,) = client.jobs.get_run(run_id).tasks or []
    assert task.run_id is not None
    task_id = task.run_id
    wait_until(
        lambda: any(
            state_fields(each)[0] == "RUNNING"
            for each in client.jobs.get_run(task_id).iterations or []
        ),
        "an iteration",
    )
    client.jobs.cancel_run(run_id)
    run = client.finish(run_id)
    assert state_fields(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    iterations = client.jobs.get_run(task_id).iterations or []
    assert [state_fields(each)[1] for each in iterations] == ["CANCELED"] * 3
