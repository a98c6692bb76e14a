"""Explanations of failed runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run, RunOutput, RunTask

from flask_lakeflow_jobs import LakeflowJobsError, Outcome, UpstreamUnavailable
from flask_lakeflow_jobs.runs.explanation import MAX_READ_TASKS, FailedTask, explain_run
from tests.run_documents import (
    FAILED,
    FAILED_BY_TASK,
    RUN_ID,
    SUCCEEDED,
    run,
    run_state,
    sdk_task,
    task,
)


@dataclass
class TaskReader:
    """Returns the output of each task and the iterations of one."""

    output: Callable[[RunTask], RunOutput]
    iterations: Sequence[RunTask] | LakeflowJobsError = ()

    def read_output(self, task: RunTask) -> RunOutput:
        return self.output(task)

    def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
        if isinstance(self.iterations, LakeflowJobsError):
            raise self.iterations
        return self.iterations

    def run_concurrently(
        self, read: Callable[[RunTask], FailedTask], items: Sequence[RunTask]
    ) -> list[FailedTask]:
        return list(map(read, items))


def read_error(task: RunTask) -> RunOutput:
    return RunOutput(error=f"Error: {task.run_id}", error_trace=f"Traceback of {task.run_id}")


ERRORS = TaskReader(read_error)


FAILED_RUN = run(
    FAILED_BY_TASK,
    run_page_url="https://w/#job/7/run/1001",
    tasks=[
        task("load", FAILED, run_id=11, end_time=20),
        task("load", FAILED, run_id=12, attempt_number=1, end_time=30, run_page_url="https://w/12"),
        task("check", SUCCEEDED, run_id=13),
        task("report", run_state("TERMINATED", "UPSTREAM_FAILED"), run_id=14, end_time=31),
    ],
)


def test_explain_run_has_the_last_attempt_of_each_root_cause() -> None:
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


def test_explain_run_knows_states_that_the_sdk_does_not() -> None:
    new = run_state("TERMINATED", "FAILED", status="TERMINATED", code="BRAND_NEW")
    document = {**new, "tasks": [task("load", new)]}
    why = explain_run(Run.from_dict(document), ERRORS, document)
    assert [why.termination_code, why.tasks[0].termination_code] == ["BRAND_NEW"] * 2


def test_explanation_to_dict_is_json() -> None:
    document = json.loads(json.dumps(explain_run(FAILED_RUN, ERRORS).to_dict()))
    assert document["outcome"] == "failed"
    assert document["tasks"][0]["task_key"] == "load"


def test_explain_run_with_unreadable_output_keeps_the_rest() -> None:
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
            {"error_message": "OSError"},
        ]
    },
}
NONE_COUNTED = {"inputs": "[]", "task": {"task_key": "each"}}
ANOTHER_RUN = {"run_job_output": {"run_id": 77}}
TOKEN = "lfjp_Wzcs.x-y_z"


@pytest.mark.parametrize(
    ("fields", "left", "error"),
    [
        (
            {"for_each_task": SOME_FAILED},
            {},
            "ValueError: no boat (2 times); KeyError: 'oar'; OSError",
        ),
        ({"for_each_task": NONE_COUNTED}, {"error": "Its own"}, "Its own"),
        ({"for_each_task": NONE_COUNTED}, {}, None),
        (
            {"run_job_task": {"job_id": 8}},
            ANOTHER_RUN,
            "Run 77 of job 8 has the error.",
        ),
        ({"run_job_task": {"job_id": 8}}, {"error": "Its own", **ANOTHER_RUN}, "Its own"),
        ({"run_job_task": {"job_id": 8}}, {}, None),
        ({"run_job_task": {"job_id": 8}}, {"run_job_output": {}}, None),
        ({}, ANOTHER_RUN, None),
        ({}, {"error": f"with {TOKEN}"}, "with ***"),
        ({}, {}, None),
    ],
)
def test_explain_run_of_delegating_task_has_error_of_the_delegate(
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
        ([task("each", run_state("TERMINATED", "CANCELED"), run_id=21, end_time=1)], 21),
        ([task("each", run_state("TERMINATED", "EXCLUDED"), run_id=21, end_time=1)], 11),
        (
            [
                task("each", SUCCEEDED, run_id=21, end_time=3),
                task("each", FAILED, run_id=22, end_time=9),
                task("each", FAILED, run_id=23, end_time=7),
                task("each", run_state("RUNNING"), run_id=24),
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
def test_explain_run_of_for_each_task_has_its_first_failed_iteration(
    iterations: list[dict[str, Any]] | LakeflowJobsError, failed: int
) -> None:
    read = iterations if isinstance(iterations, Exception) else [*map(sdk_task, iterations)]
    loop = task("loop", FAILED, run_id=11, for_each_task=NONE_COUNTED)
    [failed_task] = explain_run(
        run(FAILED_BY_TASK, tasks=[loop]), TaskReader(read_error, read)
    ).tasks
    assert (failed_task.task_key, failed_task.run_id) == ("loop", 11)
    assert (failed_task.error, failed_task.error_trace) == (
        f"Error: {failed}",
        f"Traceback of {failed}",
    )


@pytest.mark.parametrize(
    "state", [SUCCEEDED, run_state("RUNNING"), run_state("SKIPPED"), {"state": {}}]
)
def test_explain_run_without_failed_task_reads_no_output(state: dict[str, Any]) -> None:
    def unexpected(_: RunTask) -> RunOutput:
        raise AssertionError("No output is needed.")

    assert explain_run(run(state), TaskReader(unexpected)).tasks == []


def test_explain_run_of_skipped_run_has_the_workspaces_message() -> None:
    message = "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    why = explain_run(run(run_state("SKIPPED", message=message)), ERRORS)
    assert (why.outcome, why.message) == (Outcome.SKIPPED, message)


def many_failed(**fields: Any) -> Run:
    tasks = [task(f"t{at}", FAILED, run_id=at, end_time=at, **fields) for at in range(1, 1001)]
    return run(FAILED_BY_TASK, tasks=tasks)


@pytest.mark.parametrize("fields", [{}, {"for_each_task": {"inputs": "[1]", "task": {}}}])
def test_explain_run_of_many_failed_tasks_reads_few_outputs(fields: dict[str, Any]) -> None:
    """The page of a run with 1,000 failed tasks took a minute and 1,001 calls."""
    reads: list[RunTask] = []

    class CountingReader(TaskReader):
        def read_iterations(self, task: RunTask) -> Sequence[RunTask]:
            reads.append(task)
            return super().read_iterations(task)

    def count(task: RunTask) -> RunOutput:
        reads.append(task)
        return read_error(task)

    tasks = explain_run(many_failed(**fields), CountingReader(count)).tasks
    assert len(reads) <= 10
    assert len(tasks) == 1000
    assert [each.error for each in tasks[: MAX_READ_TASKS + 1]] == [
        *(f"Error: {at}" for at in range(1, MAX_READ_TASKS + 1)),
        None,
    ]


def test_explain_run_without_time_for_reads_keeps_the_rest() -> None:
    class LateReader(TaskReader):
        def run_concurrently(self, *_: Any) -> Any:
            raise UpstreamUnavailable("Later.")

    [load] = explain_run(FAILED_RUN, LateReader(read_error)).tasks
    assert (load.task_key, load.error, load.url) == ("load", None, "https://w/12")
