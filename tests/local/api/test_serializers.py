"""Runs as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.api.serializers import (
    RunSerializer,
    serialize_state,
    serialize_status,
)
from flask_lakeflow_jobs.local.model import JobRun, Repair, TaskRun
from flask_lakeflow_jobs.local.states import State
from tests.support import needs_newer_sdk

SERIALIZER = RunSerializer("http://127.0.0.1:8080", 5)
NOTEBOOK = {"task_key": "a", "notebook_task": {"notebook_path": "/x"}, "health": {}}
LOOP = {"task_key": "a", "for_each_task": {"inputs": "[1, 2, 3]", "task": {"task_key": "b"}}}


def job_run(*tasks: TaskRun, **fields: Any) -> JobRun:
    settings = fields.pop("settings", {"tasks": [task.spec for task in tasks]})
    return JobRun(100, 7, "etl", "me", settings, start_time=1000, tasks=tasks, **fields)


@pytest.mark.parametrize(
    ("state", "old", "new"),
    [
        (states.PENDING, {"life_cycle_state": "PENDING"}, {"state": "PENDING"}),
        (states.RUNNING, {"life_cycle_state": "RUNNING"}, {"state": "RUNNING"}),
        (
            states.WAITING_FOR_RETRY,
            {"life_cycle_state": "WAITING_FOR_RETRY"},
            {"state": "WAITING"},
        ),
        (
            State("QUEUED", code="MAX_CONCURRENT_RUNS_REACHED", message="Queued."),
            {"life_cycle_state": "QUEUED", "queue_reason": "Queued."},
            {
                "state": "QUEUED",
                "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": "Queued."},
            },
        ),
        (
            states.SUCCESS,
            {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"},
            {"code": "SUCCESS", "type": "SUCCESS"},
        ),
        (
            states.SUCCESS_WITH_FAILURES,
            {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS_WITH_FAILURES"},
            {"code": "SUCCESS_WITH_FAILURES", "type": "SUCCESS"},
        ),
        (
            states.FAILED,
            {"life_cycle_state": "TERMINATED", "result_state": "FAILED"},
            {"code": "RUN_EXECUTION_ERROR", "type": "CLIENT_ERROR"},
        ),
        (
            states.CANCELED,
            {
                "life_cycle_state": "TERMINATED",
                "result_state": "CANCELED",
                "user_cancelled_or_timedout": True,
            },
            {"code": "USER_CANCELED", "type": "CLIENT_ERROR"},
        ),
        (
            states.WORKSPACE_LOST,
            {"life_cycle_state": "INTERNAL_ERROR", "result_state": "FAILED"},
            {"code": "INTERNAL_ERROR", "type": "INTERNAL_ERROR"},
        ),
    ],
)
def test_state_and_status_of_each_kind(
    state: State, old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert serialize_state(state) == {
        "state_message": state.message,
        "user_cancelled_or_timedout": False,
        **old,
    }
    if "code" in new:
        details = {**new, "message": state.message}
        new = {"state": "TERMINATED", "termination_details": details}
    assert serialize_status(state) == new


@needs_newer_sdk
def test_run_is_read_by_the_sdk_without_loss() -> None:
    task = TaskRun(101, NOTEBOOK, state=states.SUCCESS, start_time=1000, end_time=3000)
    run = job_run(
        task,
        state=states.SUCCESS,
        end_time=4000,
        started_by=50,
        parameters=[{"name": "day", "default": "1"}, {"name": "n", "default": "", "value": "2"}],
        overriding={"notebook_params": {"a": "1"}},
        performance_target="STANDARD",
    )
    shape = SERIALIZER.serialize(run, with_history=True)
    # The SDK has no fields for these.
    unknown = {"format": shape.pop("format")}
    attempt = shape["tasks"][0].pop("attempt_number")
    assert (unknown, attempt) == ({"format": "MULTI_TASK"}, 0)
    as_dict = Run.from_dict(shape).as_dict()
    assert as_dict == shape | {"tasks": as_dict["tasks"]}
    assert as_dict["job_parameters"] == [
        {"name": "day", "default": "1", "value": "1"},
        {"name": "n", "default": "", "value": "2"},
    ]
    assert as_dict["overriding_parameters"] == {"notebook_params": {"a": "1"}}
    assert as_dict["trigger_info"] == {"run_id": 50}
    assert as_dict["run_page_url"] == "http://127.0.0.1:8080/?o=5#job/7/run/100"
    assert (as_dict["run_duration"], as_dict["effective_performance_target"]) == (3000, "STANDARD")


def test_durations_of_a_run_are_those_of_its_only_task() -> None:
    one = TaskRun(101, NOTEBOOK, setup_duration=1, execution_duration=2, cleanup_duration=3)
    two = TaskRun(102, {**NOTEBOOK, "task_key": "b"}, execution_duration=4)
    names = ("setup_duration", "execution_duration", "cleanup_duration")
    shapes = [SERIALIZER.serialize_base(run) for run in (job_run(one), job_run(one, two))]
    assert [[shape[name] for name in names] for shape in shapes] == [[1, 2, 3], [0, 0, 0]]


def test_task_shows_its_settings_without_health() -> None:
    task = TaskRun(101, NOTEBOOK, attempt=2, start_time=1000, end_time=3500)
    shape = SERIALIZER.serialize_task(job_run(task), task)
    assert "health" not in shape
    assert (
        shape.items()
        >= {"run_if": "ALL_SUCCESS", "attempt_number": 2, "run_duration": 2500}.items()
    )
    assert shape["notebook_task"] == {"notebook_path": "/x"}
    assert shape["run_page_url"].endswith("#job/7/run/101")


def test_condition_shows_its_outcome() -> None:
    spec = {"task_key": "a", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}
    task = TaskRun(101, spec, outcome="true")
    shape = SERIALIZER.serialize_task(job_run(task), task)
    assert shape["condition_task"]["outcome"] == "true"


def test_for_each_task_counts_the_latest_attempts_of_its_iterations() -> None:
    ends = [(0, states.FAILED), (0, states.SUCCESS), (1, states.FAILED), (2, states.RUNNING)]
    loop = TaskRun(101, LOOP)
    iterations = tuple(
        TaskRun(200 + number, NOTEBOOK, state=state, parent=101, index=index)
        for number, (index, state) in enumerate([*ends, (3, states.BLOCKED)])
    )
    run = job_run(loop, iterations=iterations)
    assert SERIALIZER.serialize_task(run, loop)["for_each_task"]["stats"]["task_run_stats"] == {
        "total_iterations": 4,
        "scheduled_iterations": 3,
        "active_iterations": 1,
        "completed_iterations": 2,
        "succeeded_iterations": 1,
        "failed_iterations": 1,
    }
    as_run = SERIALIZER.serialize_task_as_run(run, loop)
    assert [each["run_id"] for each in as_run["iterations"]] == [200, 201, 202, 203, 204]


def test_resolved_values_are_shown_on_request() -> None:
    resolved = {"notebook_task": {"notebook_path": "/x", "base_parameters": {"day": "1"}}}
    task = TaskRun(101, NOTEBOOK, resolved=resolved)
    shape = SERIALIZER.serialize_task(job_run(task), task, with_resolved_values=True)
    assert shape["resolved_values"] == {"notebook_task": {"base_parameters": {"day": "1"}}}
    assert "resolved_values" not in SERIALIZER.serialize_task(job_run(task), task)


def test_repair_history_has_the_tasks_of_each_attempt() -> None:
    run = job_run(
        TaskRun(101, NOTEBOOK),
        TaskRun(102, NOTEBOOK, attempt=1),
        state=states.SUCCESS,
        end_time=9000,
        repairs=(Repair(0, 1000, (101,), states.FAILED, 2000), Repair(55, 5000, ())),
    )
    original, repair = SERIALIZER.serialize(run, with_history=True)["repair_history"]
    assert (original["type"], original["task_run_ids"], original["end_time"]) == (
        "ORIGINAL",
        (101,),
        2000,
    )
    assert (repair["type"], repair["id"], repair["task_run_ids"]) == ("REPAIR", 55, [102])
    assert (repair["end_time"], repair["state"]["result_state"]) == (9000, "SUCCESS")
    # the time between the end of the run and its repair is no part of its work
    assert SERIALIZER.serialize(run)["run_duration"] == (2000 - 1000) + (9000 - 5000)
    assert "repair_history" not in SERIALIZER.serialize(run)


@pytest.mark.parametrize(
    ("kind", "output", "fields"),
    [
        (
            "notebook_task",
            {"result": "x"},
            {"notebook_output": {"result": "x", "truncated": False}},
        ),
        ("notebook_task", {}, {"notebook_output": {}}),
        ("spark_python_task", {"logs": "x"}, {"logs": "x", "logs_truncated": False}),
        ("sql_task", {"logs": "x"}, {"sql_output": {"file_output": {}}}),
        (
            "sql_task",
            {"query_result": {"columns": ["n"], "rows": [["1"], [None]], "truncated": False}},
            {
                "sql_output": {
                    "file_output": {
                        "query_result": {
                            "columns": [{"name": "n"}],
                            "rows": [{"values": [{"string_value": "1"}]}, {"values": [{}]}],
                            "truncated": False,
                        }
                    }
                }
            },
        ),
        ("run_job_task", {"nested_run_id": 9}, {"run_job_output": {"run_id": 9}}),
        (
            "spark_python_task",
            {"error": "ValueError", "error_trace": "…"},
            {"logs": "", "logs_truncated": False, "error": "ValueError", "error_trace": "…"},
        ),
    ],
)
def test_output_of_each_kind(kind: str, output: dict[str, Any], fields: dict[str, Any]) -> None:
    task = TaskRun(101, {"task_key": "a", kind: {}}, state=states.SUCCESS)
    shape = SERIALIZER.serialize_output(job_run(task), task, output)
    assert shape.pop("metadata")["run_id"] == 101
    assert shape == fields


def test_output_of_a_failed_task_without_an_error_is_its_message() -> None:
    task = TaskRun(101, {"task_key": "a", "sql_task": {}}, state=states.FAILED)
    shape = SERIALIZER.serialize_output(job_run(task), task, {})
    assert shape["error"] == "Workload failed, see run output for details"
