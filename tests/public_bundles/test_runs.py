"""Reports of the attempts of a run's tasks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.public_bundles.runs import choose_attempts


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
