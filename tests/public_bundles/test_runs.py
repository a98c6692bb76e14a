"""Reports of the attempts of a run's tasks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.public_bundles.runs import choose_attempts, has_own_error


def attempt(number: int, result: str, **durations: int) -> dict[str, Any]:
    return {
        "task_key": "load",
        "attempt_number": number,
        "state": {"result_state": result},
        **durations,
    }


FAILED = attempt(0, "FAILED", execution_duration=5)


@pytest.mark.parametrize(
    ("attempts", "chosen"),
    [
        ([FAILED], 0),
        ([FAILED, attempt(1, "SUCCESS")], 1),
        ([FAILED, attempt(1, "CANCELED", execution_duration=0)], 0),
        ([FAILED, attempt(1, "CANCELED", execution_duration=9)], 1),
        ([FAILED, attempt(1, "CANCELED", setup_duration=9)], 1),
        ([attempt(0, "CANCELED")], 0),
    ],
)
def test_last_attempt_that_started_counts(attempts: list[dict[str, Any]], chosen: int) -> None:
    other = {**FAILED, "task_key": "other"}
    assert choose_attempts([other, *attempts]) == [other, attempts[chosen]]


@pytest.mark.parametrize(
    ("task", "error", "is_own"),
    [
        (FAILED, "ValueError: empty", True),
        (FAILED, "Run 1 of job 2 failed: Task load failed with message: Workload failed.", False),
        (attempt(0, "UPSTREAM_FAILED"), "Upstream task load failed.", False),
        (attempt(0, "CANCELED"), "Run cancelled.", False),
    ],
)
def test_task_that_runs_a_job_does_not_fail_by_itself(
    task: dict[str, Any], error: str, is_own: bool
) -> None:
    assert has_own_error(task, error) is is_own
