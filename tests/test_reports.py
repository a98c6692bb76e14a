"""Why a run failed, and how it is run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunOutput, RunTask

from flask_lakeflow_jobs import LakeflowJobsError, Outcome, UpstreamUnavailable
from flask_lakeflow_jobs.idempotency import has_same_parameters
from flask_lakeflow_jobs.runs.explanation import explain_run
from flask_lakeflow_jobs.runs.repair import build_repair_arguments
from tests.run_documents import (
    FAILED,
    FAILED_BY_TASK,
    RUN_ID,
    SUCCEEDED,
    run,
    sdk_task,
    task,
    words,
)


@dataclass
class TaskReader:
    """What tasks left, and what one was repeated as."""

    output: Callable[[RunTask], RunOutput]
    iterations: Sequence[RunTask] | LakeflowJobsError = ()

    def read_output(self, task: RunTask) -> RunOutput:
        return self.output(task)

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        if isinstance(self.iterations, LakeflowJobsError):
            raise self.iterations
        return self.iterations


def an_error(task: RunTask) -> RunOutput:
    return RunOutput(error=f"Error: {task.run_id}", error_trace=f"Traceback of {task.run_id}")


ERRORS = TaskReader(an_error)


FAILED_RUN = run(
    FAILED_BY_TASK,
    run_page_url="https://w/#job/7/run/1001",
    tasks=[
        task("load", FAILED, run_id=11, end_time=20),
        task("load", FAILED, run_id=12, attempt_number=1, end_time=30, run_page_url="https://w/12"),
        task("check", SUCCEEDED, run_id=13),
        task("report", words("TERMINATED", "UPSTREAM_FAILED"), run_id=14, end_time=31),
    ],
)


def test_a_failure_is_explained_by_the_last_attempt_of_what_failed_of_itself() -> None:
    why = explain_run(FAILED_RUN, ERRORS)
    assert (why.run_id, why.outcome, why.termination_code, why.url) == (
        RUN_ID,
        Outcome.FAILED,
        "RUN_EXECUTION_ERROR",
        "https://w/#job/7/run/1001",
    )
    [load] = why.tasks
    assert (load.task_key, load.run_id, load.attempt) == ("load", 12, 1)
    assert (load.error, load.error_trace) == ("Error: 12", "Traceback of 12")
    assert (load.outcome, load.termination_code) == (Outcome.FAILED, "RUN_EXECUTION_ERROR")
    assert load.url == "https://w/12"


def test_an_explanation_can_be_sent_as_json() -> None:
    document = json.loads(json.dumps(explain_run(FAILED_RUN, ERRORS).to_dict()))
    assert document["outcome"] == "failed"
    assert document["tasks"][0]["task_key"] == "load"


def test_an_output_that_cannot_be_read_leaves_what_else_is_known() -> None:
    def unavailable(_: RunTask) -> RunOutput:
        raise UpstreamUnavailable("Not now.")

    [load] = explain_run(FAILED_RUN, TaskReader(unavailable)).tasks
    assert (load.task_key, load.error, load.termination_code) == (
        "load",
        None,
        "RUN_EXECUTION_ERROR",
    )


SOME_FAILED = {
    "inputs": "[1, 2, 3]",
    "task": {"task_key": "each"},
    "stats": {
        "error_message_stats": [
            {"error_message": "ValueError: no boat", "count": 2},
            {"error_message": "KeyError: 'oar'", "count": 1},
        ]
    },
}
NONE_COUNTED = {"inputs": "[]", "task": {"task_key": "each"}}
ANOTHER_RUN = {"run_job_output": {"run_id": 77}}


@pytest.mark.parametrize(
    ("fields", "left", "error"),
    [
        (
            {"for_each_task": SOME_FAILED},
            {},
            "ValueError: no boat (2 times); KeyError: 'oar'",
        ),
        ({"for_each_task": NONE_COUNTED}, {"error": "Its own"}, "Its own"),
        ({"for_each_task": NONE_COUNTED}, {}, None),
        ({"run_job_task": {"job_id": 8}}, ANOTHER_RUN, "Run 77 of the job 8 says why it failed."),
        ({"run_job_task": {"job_id": 8}}, {"error": "Its own", **ANOTHER_RUN}, "Its own"),
        ({"run_job_task": {"job_id": 8}}, {}, None),
        ({}, {}, None),
    ],
)
def test_a_task_that_leaves_the_work_to_others_is_explained_by_theirs(
    fields: dict[str, Any], left: dict[str, Any], error: str | None
) -> None:
    failed = run(FAILED_BY_TASK, tasks=[task("load", FAILED, **fields)])
    [load] = explain_run(failed, TaskReader(lambda _: RunOutput.from_dict(left))).tasks
    assert load.error == error


@pytest.mark.parametrize(
    ("iterations", "failed"),
    [
        ([], 11),
        ([task("each", SUCCEEDED, run_id=21)], 11),
        ([task("each", words("TERMINATED", "CANCELED"), run_id=21, end_time=1)], 21),
        ([task("each", words("TERMINATED", "EXCLUDED"), run_id=21, end_time=1)], 11),
        (
            [
                task("each", SUCCEEDED, run_id=21, end_time=3),
                task("each", FAILED, run_id=22, end_time=9),
                task("each", FAILED, run_id=23, end_time=7),
                task("each", words("RUNNING"), run_id=24),
            ],
            23,
        ),
        (
            [
                task("each", FAILED, run_id=21, end_time=1),
                task("each", SUCCEEDED, run_id=22, end_time=2, attempt_number=1),
                task("each", FAILED, run_id=23, end_time=3),
                task("each", FAILED, run_id=24, end_time=4, attempt_number=1),
            ],
            24,
        ),
        (UpstreamUnavailable("Not now."), 11),
    ],
)
def test_a_task_that_repeats_another_is_explained_by_the_first_that_failed_for_good(
    iterations: list[dict[str, Any]] | LakeflowJobsError, failed: int
) -> None:
    read = iterations if isinstance(iterations, Exception) else [*map(sdk_task, iterations)]
    loop = task("loop", FAILED, run_id=11, for_each_task=NONE_COUNTED)
    [told] = explain_run(run(FAILED_BY_TASK, tasks=[loop]), TaskReader(an_error, read)).tasks
    assert (told.task_key, told.run_id) == ("loop", 11)
    assert (told.error, told.error_trace) == (f"Error: {failed}", f"Traceback of {failed}")


@pytest.mark.parametrize("doing", [SUCCEEDED, words("RUNNING"), words("SKIPPED"), {"state": {}}])
def test_where_no_task_is_to_blame_none_is_blamed_or_asked(doing: dict[str, Any]) -> None:
    def unexpected(_: RunTask) -> RunOutput:
        raise AssertionError("Nobody asked for this output.")

    assert explain_run(run(doing), TaskReader(unexpected)).tasks == []


def test_a_skipped_run_is_explained_by_what_the_workspace_says() -> None:
    said = "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    why = explain_run(run(words("SKIPPED", message=said)), ERRORS)
    assert (why.outcome, why.message) == (Outcome.SKIPPED, said)


def test_a_first_repair_runs_all_that_failed() -> None:
    arguments = build_repair_arguments(FAILED_RUN, rerun_tasks=None, rerun_dependent_tasks=None)
    assert arguments["rerun_all_failed_tasks"] is True
    assert arguments["rerun_tasks"] is None
    assert arguments["latest_repair_id"] is None


def test_a_repair_of_named_tasks_runs_those_only() -> None:
    arguments = build_repair_arguments(
        FAILED_RUN, rerun_tasks=("load",), rerun_dependent_tasks=True
    )
    assert arguments["rerun_tasks"] == ["load"]
    assert arguments["rerun_dependent_tasks"] is True
    assert arguments["rerun_all_failed_tasks"] is None


def test_the_next_repair_names_the_last_one() -> None:
    repaired = run(
        FAILED,
        repair_history=[{"type": "ORIGINAL"}, {"type": "REPAIR", "id": 5}, {"id": 6}],
    )
    assert (
        build_repair_arguments(repaired, rerun_tasks=None, rerun_dependent_tasks=None)[
            "latest_repair_id"
        ]
        == 6
    )


def test_a_repair_is_given_the_parameters_that_the_run_had() -> None:
    started = run(
        FAILED,
        overriding_parameters={"notebook_params": {"day": "2025-01-01"}, "jar_params": []},
        job_parameters=[
            {"name": "full", "default": "false", "value": "true"},
            {"name": "left", "default": "alone"},
        ],
    )
    arguments = build_repair_arguments(started, rerun_tasks=None, rerun_dependent_tasks=None)
    assert arguments["notebook_params"] == {"day": "2025-01-01"}
    assert arguments["job_parameters"] == {"full": "true"}
    assert "jar_params" not in arguments


STARTED = run(
    overriding_parameters={"notebook_params": {"day": "2025-01-01"}},
    job_parameters=[
        {"name": "full", "default": "false", "value": "true"},
        {"name": "left", "default": "alone", "value": "alone"},
        {"name": "unset", "default": "x"},
    ],
)
DAY = {"day": "2025-01-01"}


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"notebook_params": DAY, "job_parameters": {"full": "true"}}, True),
        ({"notebook_params": DAY, "job_parameters": {"full": "true", "left": "alone"}}, True),
        ({"notebook_params": DAY, "job_parameters": {"full": "false"}}, False),
        ({"notebook_params": DAY, "job_parameters": {"full": "true", "left": "x"}}, False),
        ({"notebook_params": {"day": "2025-01-02"}, "job_parameters": {"full": "true"}}, False),
        ({"job_parameters": {"full": "true"}}, False),
        ({"notebook_params": DAY}, False),
        ({}, False),
        ({"notebook_params": {**DAY, "x": "1"}, "job_parameters": {"full": "true"}}, None),
        ({"notebook_params": DAY, "job_parameters": {"full": "true"}, "sql_params": DAY}, None),
        ({"notebook_params": DAY, "job_parameters": {"full": "{{job.id}}"}}, True),
    ],
)
def test_the_same_parameters_are_told_from_others(
    fields: dict[str, Any], same: bool | None
) -> None:
    assert has_same_parameters(STARTED, fields) is same


def test_a_default_that_the_workspace_resolved_was_given_by_nobody() -> None:
    started = run(
        job_parameters=[{"name": "day", "default": "{{job.start_time.day}}", "value": "7"}]
    )
    assert has_same_parameters(started, {})


@pytest.mark.parametrize("fields", [{}, {"job_parameters": {}}])
def test_a_run_without_parameters_was_started_with_none(fields: dict[str, Any]) -> None:
    assert has_same_parameters(run(), fields)
    assert not has_same_parameters(run(), {"python_params": ["x"]})


def test_the_settings_of_a_pipeline_are_parameters_too() -> None:
    refreshed = run(overriding_parameters={"pipeline_params": {"full_refresh": True}})
    assert has_same_parameters(refreshed, {"pipeline_params": {"full_refresh": True}})
    assert not has_same_parameters(refreshed, {"pipeline_params": {"full_refresh": False}})
