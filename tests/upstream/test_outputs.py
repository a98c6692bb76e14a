"""The outputs of a run's tasks."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Run, RunTask

from flask_lakeflow_jobs import NotAllowed, RunNotFound, UpstreamError
from flask_lakeflow_jobs.upstream.outputs import Output, read_outputs
from tests.run_documents import FAILED, RUN_ID, SUCCEEDED, run, task

NO_OUTPUT = {"info": "The workspace has no output of it."}


def read(task: RunTask | Run) -> Output:
    return {"logs": f"of {task.run_id}"}


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (run(), {}),
        (run(tasks=[task("a", SUCCEEDED, run_id=1)]), {"a": {"logs": "of 1"}}),
        (run(SUCCEEDED), {str(RUN_ID): {"logs": f"of {RUN_ID}"}}),
        (run(SUCCEEDED, run_name="etl"), {"etl": {"logs": f"of {RUN_ID}"}}),
        (
            run(
                SUCCEEDED,
                tasks=[
                    task("a", FAILED, run_id=1),
                    task("a", SUCCEEDED, run_id=2) | {"attempt_number": 1},
                    task("b", SUCCEEDED, run_id=3),
                ],
            ),
            {"a": {"logs": "of 2"}, "b": {"logs": "of 3"}},
        ),
    ],
    ids=["queued", "running", "without tasks", "without tasks, named", "last attempts"],
)
def test_outputs_are_those_of_the_last_attempts(ended: Run, expected: dict[str, Any]) -> None:
    assert read_outputs(ended, read) == expected


@pytest.mark.parametrize(
    "error",
    [
        RunNotFound(1, "etl", upstream_code="RESOURCE_DOES_NOT_EXIST"),
        UpstreamError("No.", upstream_code="INVALID_PARAMETER_VALUE"),
    ],
    ids=lambda error: error.upstream_code,
)
def test_missing_output_does_not_fail_the_others(error: Exception) -> None:
    def read_first(task: RunTask | Run) -> Output:
        if task.run_id == 1:
            raise error
        return read(task)

    ended = run(tasks=[task("a", SUCCEEDED, run_id=1), task("b", SUCCEEDED, run_id=2)])
    assert read_outputs(ended, read_first) == {"a": NO_OUTPUT, "b": {"logs": "of 2"}}


@pytest.mark.parametrize(
    "error", [NotAllowed("No."), UpstreamError("Oops."), RunNotFound(1, "etl")], ids=repr
)
def test_other_errors_are_raised(error: Exception) -> None:
    def fail(_: RunTask | Run) -> Output:
        raise error

    with pytest.raises(type(error)):
        read_outputs(run(tasks=[task("a", SUCCEEDED)]), fail)
