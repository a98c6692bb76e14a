"""The fields of run-now and submit as requests to the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue as SdkInvalidParameterValue

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.api.run_requests import (
    parse_idempotency_token,
    parse_repair_request,
    parse_run_request,
)
from flask_lakeflow_jobs.local.errors import InvalidParameterValue
from flask_lakeflow_jobs.local.events import RepairRequest, RunRequest
from flask_lakeflow_jobs.local.model import JobRun, TaskRun
from flask_lakeflow_jobs.local.registry import RegisteredJob
from tests.local.support import Client, simulated_task

SETTINGS = {
    "name": "etl",
    "parameters": [{"name": "day", "default": "monday"}, {"name": "count", "default": 5}],
    "tasks": [simulated_task("a"), simulated_task("b", "a")],
}


def parse(settings: dict[str, Any] | None = None, **fields: Any) -> RunRequest:
    job = RegisteredJob(7, 0, "me", {**SETTINGS, **(settings or {})})
    return parse_run_request(job, Request("2.2", fields))


def test_job_parameters_are_values_over_defaults() -> None:
    request = parse(job_parameters={"count": 7, "other": True})
    assert request.parameters == [
        {"name": "day", "default": "monday"},
        {"name": "count", "default": "5", "value": "7"},
        {"name": "other", "default": "", "value": "true"},
    ]


def test_task_parameters_are_passed_by_field() -> None:
    fields: dict[str, Any] = {
        "notebook_params": {"a": 1},
        "python_params": ["x", 2],
        "pipeline_params": {"full_refresh": True},
    }
    assert parse(**fields).overriding == {
        "notebook_params": {"a": "1"},
        "python_params": ["x", "2"],
        "pipeline_params": {"full_refresh": True},
    }


@pytest.mark.parametrize(
    "fields", [{"notebook_params": {"a": "1"}}, {"job_parameters": {"day": "1"}}, {}]
)
def test_empty_task_parameters_are_as_if_missing(fields: dict[str, Any]) -> None:
    """Airflow's group of tasks sends those of all kinds."""
    empty: dict[str, Any] = {"jar_params": [], "python_params": [], "sql_params": {}}
    assert parse(**empty, **fields) == parse(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"job_parameters": {"a": "1"}, "notebook_params": {"a": "1"}},
            "Job parameters cannot be combined with task parameters (notebook_params).",
        ),
        (
            {"jar_params": ["a"], "notebook_params": {"a": "1"}},
            "jar_params cannot be specified in conjunction with notebook_params.",
        ),
        (
            {"python_params": ["x" * 10_000]},
            "python_params takes 10022 bytes as JSON; at most 10000 are allowed.",
        ),
        (
            {"jar_params": ["x" * 10_000]},
            "jar_params takes 10019 bytes as JSON; at most 10000 are allowed.",
        ),
        (
            {"notebook_params": {"a": "x" * 10_000}},
            "notebook_params takes 10028 bytes as JSON; at most 10000 are allowed.",
        ),
        ({"python_params": ["ü"]}, "python_params may contain only ASCII characters."),
        ({"only": ["nowhere"]}, "Task nowhere does not exist in the job."),
        (
            {"idempotency_token": "x" * 65},
            "The idempotency token has 65 characters; at most 64 are allowed.",
        ),
        (
            {"performance_target": "FAST"},
            (
                "Unknown performance_target 'FAST'. Use one of STANDARD, PERFORMANCE_OPTIMIZED, "
                "COST_OPTIMIZED."
            ),
        ),
        (
            {"performance_target": "COST_OPTIMIZED", "duration_target": "5h"},
            (
                "performance_target COST_OPTIMIZED needs a duration_target: one of "
                "NO_FLEXIBILITY, 4h, 12h, 24h, 72h."
            ),
        ),
    ],
)
def test_invalid_field_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterValue) as error:
        parse(**fields)
    assert error.value.message == message


def test_repair_has_the_fields_of_run_now() -> None:
    fields = {"rerun_tasks": ["a"], "python_params": ["x"], "performance_target": "STANDARD"}
    run = JobRun(1, 7, "etl", "me", SETTINGS, 0)
    assert parse_repair_request(run, SETTINGS, Request("2.2", fields)) == RepairRequest(
        SETTINGS, frozenset("a"), parse().parameters, {"python_params": ["x"]}, "STANDARD"
    )


def test_repair_leaves_out_failed_tasks_that_the_job_has_no_more() -> None:
    run = JobRun(1, 7, "etl", "me", SETTINGS, 0)
    gone = TaskRun(2, simulated_task("gone"), state=states.FAILED)
    failed = TaskRun(3, simulated_task("a"), state=states.FAILED)
    request = Request("2.2", {"rerun_all_failed_tasks": True})
    with_both = replace(run, tasks=(gone, failed))
    assert parse_repair_request(with_both, SETTINGS, request).keys == {"a"}
    with pytest.raises(InvalidParameterValue, match="has no failed tasks to run again"):
        parse_repair_request(replace(run, tasks=(gone,)), SETTINGS, request)


def test_only_selects_tasks_and_those_after_them() -> None:
    assert parse(only=["a+"]).only == {"a", "b"}
    assert parse(only=["b"]).only == {"b"}
    assert parse().only == frozenset()


@pytest.mark.parametrize(
    ("job", "run", "expected"),
    [
        ({}, {}, False),
        ({"queue": {"enabled": True}}, {}, True),
        ({"queue": {"enabled": True}}, {"queue": {"enabled": False}}, False),
        ({}, {"queue": {"enabled": "true"}}, True),
    ],
)
def test_queue_of_the_run_overrides_that_of_the_job(
    job: dict[str, Any], run: dict[str, Any], expected: bool
) -> None:
    assert parse(job, **run).may_queue is expected


@pytest.mark.parametrize(("token", "expected"), [(None, None), ("", None), ("x" * 64, "x" * 64)])
def test_empty_idempotency_token_is_none(token: str | None, expected: str | None) -> None:
    assert parse_idempotency_token(Request("2.2", {"idempotency_token": token})) == expected


def test_idempotency_token_returns_the_same_run(client: Client) -> None:
    token = "x" * 64
    first = client.start("etl", idempotency_token=token)
    assert client.start("etl", idempotency_token=token) == first
    client.finish(first)
    assert client.start("etl", idempotency_token=token) == first
    assert client.start("etl", idempotency_token="other") != first
    client.jobs.delete_run(first)
    with pytest.raises(SdkInvalidParameterValue, match="has been deleted"):
        client.start("etl", idempotency_token=token)
