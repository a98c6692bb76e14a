"""The outputs of a run's tasks."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Run, RunTask

from flask_lakeflow_jobs import (
    InvalidRequest,
    NotAllowed,
    RunNotFound,
    UpstreamError,
)
from flask_lakeflow_jobs.upstream.outputs import MAX_OUTPUTS, Output, read_output_page
from tests.run_documents import FAILED, RUN_ID, SUCCEEDED, run, task

NO_OUTPUT = {"info": "The workspace has no output of it."}


MANY = run(tasks=[task(f"t{number}", SUCCEEDED, run_id=number) for number in range(1, 251)])


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
    assert read_output_page(ended, read) == (expected, None)


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
    assert read_output_page(ended, read_first).outputs == {
        "a": NO_OUTPUT,
        "b": {"logs": "of 2"},
    }


@pytest.mark.parametrize(
    "error", [NotAllowed("No."), UpstreamError("Oops."), RunNotFound(1, "etl")], ids=repr
)
def test_other_errors_are_raised(error: Exception) -> None:
    def fail(_: RunTask | Run) -> Output:
        raise error

    with pytest.raises(type(error)):
        read_output_page(run(tasks=[task("a", SUCCEEDED)]), fail)


def test_outputs_of_many_tasks_come_in_pages() -> None:
    """A request for the outputs of 1,000 tasks took half a minute, however soon its client left."""
    pages: list[dict[str, Output]] = []
    after = None
    while not pages or after is not None:
        page, after = read_output_page(MANY, read, after=after)
        pages.append(page)
    assert [len(page) for page in pages] == [MAX_OUTPUTS, MAX_OUTPUTS, 50]
    assert [key for page in pages for key in page] == [f"t{number}" for number in range(1, 251)]


def test_outputs_of_named_tasks_are_read_alone() -> None:
    calls: list[int | None] = []

    def record(each: RunTask | Run) -> Output:
        calls.append(each.run_id)
        return read(each)

    page = read_output_page(MANY, record, tasks=["t200", "t3"])
    assert page == ({"t3": {"logs": "of 3"}, "t200": {"logs": "of 200"}}, None)
    assert sorted(map(int, filter(None, calls))) == [3, 200]
    assert read_output_page(MANY, read, tasks=["t200", "t3"], after="t3").outputs == {
        "t200": {"logs": "of 200"}
    }


@pytest.mark.parametrize("query", [{"tasks": ["x"]}, {"after": "x"}, {"tasks": ["t1", "x"]}])
def test_outputs_of_unknown_task_are_refused(query: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="has no task 'x'"):
        read_output_page(MANY, read, **query)
