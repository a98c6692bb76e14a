"""The outputs of a run's tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import (
    InvalidRequest,
    NotAllowed,
    RunNotFound,
    UpstreamError,
)
from flask_lakeflow_jobs.upstream.outputs import (
    MAX_OUTPUTS,
    Output,
    read_or_explain,
    select_outputs,
)
from tests.run_documents import FAILED, RUN_ID, SUCCEEDED, run, task

NO_OUTPUT = {"info": "The workspace has no output of it."}


MANY = run(tasks=[task(f"t{number}", SUCCEEDED, run_id=number) for number in range(1, 251)])


def select_ids(
    a_run: Run, tasks: Sequence[str] = (), after: str | None = None
) -> tuple[dict[str, int | None], str | None]:
    """Return the run ids of the attempts in a page."""
    page, next_after = select_outputs(a_run, tasks, after)
    return {key: each.run_id for key, each in page.items()}, next_after


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (run(), {}),
        (run(tasks=[task("a", SUCCEEDED, run_id=1)]), {"a": 1}),
        (run(SUCCEEDED), {str(RUN_ID): RUN_ID}),
        (run(SUCCEEDED, run_name="etl"), {"etl": RUN_ID}),
        (
            run(
                SUCCEEDED,
                tasks=[
                    task("a", FAILED, run_id=1),
                    task("a", SUCCEEDED, run_id=2) | {"attempt_number": 1},
                    task("b", SUCCEEDED, run_id=3),
                ],
            ),
            {"a": 2, "b": 3},
        ),
    ],
    ids=["queued", "running", "without tasks", "without tasks, named", "last attempts"],
)
def test_outputs_are_those_of_the_last_attempts(ended: Run, expected: dict[str, int]) -> None:
    assert select_ids(ended) == (expected, None)


@pytest.mark.parametrize(
    "error",
    [
        RunNotFound(1, "etl", upstream_code="RESOURCE_DOES_NOT_EXIST"),
        UpstreamError("No.", upstream_code="INVALID_PARAMETER_VALUE"),
    ],
    ids=lambda error: error.upstream_code,
)
def test_missing_output_is_explained(error: Exception) -> None:
    def fail() -> Output:
        raise error

    assert read_or_explain(fail) == NO_OUTPUT


@pytest.mark.parametrize(
    "error", [NotAllowed("No."), UpstreamError("Oops."), RunNotFound(1, "etl")], ids=repr
)
def test_other_errors_are_raised(error: Exception) -> None:
    def fail() -> Output:
        raise error

    with pytest.raises(type(error)):
        read_or_explain(fail)


def test_outputs_of_many_tasks_come_in_pages() -> None:
    """A request for the outputs of 1,000 tasks took half a minute, however soon its client left."""
    pages: list[dict[str, int | None]] = []
    after = None
    while not pages or after is not None:
        page, after = select_ids(MANY, after=after)
        pages.append(page)
    assert [len(page) for page in pages] == [MAX_OUTPUTS, MAX_OUTPUTS, 50]
    assert [key for page in pages for key in page] == [f"t{number}" for number in range(1, 251)]


def test_outputs_of_named_tasks_are_read_alone() -> None:
    named = ["t200", "t3"]
    assert select_ids(MANY, named) == ({"t3": 3, "t200": 200}, None)
    assert select_ids(MANY, named, after="t3") == ({"t200": 200}, None)


@pytest.mark.parametrize("query", [{"tasks": ["x"]}, {"after": "x"}, {"tasks": ["t1", "x"]}])
def test_outputs_of_unknown_task_are_refused(query: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="has no task 'x'"):
        select_outputs(MANY, **query)


def test_outputs_of_mistyped_task_suggest_its_key() -> None:
    with pytest.raises(InvalidRequest, match=r"that has started\. Did you mean 'load'\?"):
        select_outputs(run(tasks=[task("load", SUCCEEDED, run_id=1)]), ["laod"])
