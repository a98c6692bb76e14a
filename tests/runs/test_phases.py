"""The phases of a run that have ended, with their durations, and the current ones."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.runs.phases import (
    MAX_TASKS,
    UNKNOWN,
    PhaseDurations,
    active_phases,
    ended_phases,
    is_predictable,
)
from tests.run_documents import FAILED, SUCCEEDED, Document, ended, run, run_state, task

NOW = 1_764_000_000.0


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (ended(1.0), [("run", 1.0)]),
        # The time in the queue does not count, and is a phase of its own.
        (ended(3610.0, queue_duration=3_600_000), [("run", 10.0), ("queue", 3600.0)]),
        (ended(1.0, FAILED), []),
        (ended(1.0, FAILED, queue_duration=500), [("queue", 0.5)]),
        (ended(1.0, run_state("TERMINATED", "CANCELED")), []),
        (ended(1.0, run_state("SKIPPED")), []),
        (ended(1.0, run_state("INTERNAL_ERROR")), []),
        ({**SUCCEEDED}, []),
        # Tasks that succeeded, also in runs that failed.
        (
            ended(1.0, FAILED, tasks=[ended(5.0, task("load", SUCCEEDED), setup_duration=2000)]),
            [("setup load", 2.0), ("execution load", 3.0)],
        ),
        (ended(1.0, FAILED, tasks=[ended(5.0, task("load", FAILED))]), []),
        (ended(1.0, FAILED, tasks=[task("load", SUCCEEDED)]), []),
        # A set-up is never longer than its task.
        (
            ended(1.0, FAILED, tasks=[ended(5.0, task("load", SUCCEEDED), setup_duration=6000)]),
            [("setup load", 5.0), ("execution load", 0.0)],
        ),
    ],
)
def test_ended_phases_have_durations(document: Document, expected: list[tuple[str, float]]) -> None:
    assert list(ended_phases(run(document))) == expected


def test_only_a_page_of_tasks_counts() -> None:
    tasks = [ended(1.0, task(str(number), SUCCEEDED)) for number in range(MAX_TASKS + 1)]
    assert len(list(ended_phases(run(FAILED, tasks=tasks)))) == MAX_TASKS


HISTORY: PhaseDurations = {
    "setup load": [19.0, 20.0, 21.0],
    "execution load": [40.0, 40.0, 40.0],
    "execution few": [1.0, 1.0],
}


def active(key: str, doing: str, age: float, **fields: Any) -> Document:
    return task(key, run_state(doing), start_time=int((NOW - age) * 1000), **fields)


@pytest.mark.parametrize(
    ("doing", "tasks", "expected"),
    [
        ("QUEUED", [active("load", "PENDING", 1.0)], [("queue", 60.0)]),
        ("PENDING", [active("load", "PENDING", 8.0)], [("setup load", 8.0)]),
        ("RUNNING", [active("load", "RUNNING", 30.0)], [("execution load", 10.0)]),
        ("RUNNING", [active("load", "RUNNING", 10.0)], [("execution load", 0.0)]),
        (
            "RUNNING",
            [active("load", "RUNNING", 30.0, setup_duration=5000)],
            [("execution load", 25.0)],
        ),
        (
            "RUNNING",
            [active("load", "RUNNING", 30.0), task("store", run_state("BLOCKED"))],
            [("execution load", 10.0)],
        ),
        (
            "RUNNING",
            [active("load", "RUNNING", 30.0), active("few", "RUNNING", 7.0)],
            [("execution load", 10.0), ("execution few", 7.0)],
        ),
        # A task without a start is as old as its run.
        ("PENDING", [task("load", run_state("PENDING"))], [("setup load", 60.0)]),
        # Only the last attempt is active.
        (
            "RUNNING",
            [
                active("load", "RUNNING", 50.0),
                active("load", "RUNNING", 30.0, attempt_number=1),
            ],
            [("execution load", 10.0)],
        ),
        # Without a forecast for a task, the whole run may help.
        ("RUNNING", [], [("run", 60.0)]),
        ("RUNNING", [active("few", "RUNNING", 7.0)], [("run", 60.0)]),
        ("RUNNING", [task("load", SUCCEEDED)], [("run", 60.0)]),
        (
            "RUNNING",
            [active("few", "RUNNING", 7.0), task("store", run_state("BLOCKED"))],
            [("execution few", 7.0), ("run", 60.0)],
        ),
        ("PENDING", [], [(UNKNOWN, 60.0), ("run", 60.0)]),
        (
            "RUNNING",
            [active("a", "WAITING_FOR_RETRY", 7.0), active("load", "TERMINATING", 9.0)],
            [(UNKNOWN, 7.0), (UNKNOWN, 9.0), ("run", 60.0)],
        ),
    ],
)
def test_active_phases_have_ages(
    doing: str, tasks: list[Document], expected: list[tuple[str, float]]
) -> None:
    going = run(run_state(doing), start_time=int((NOW - 60.0) * 1000), tasks=tasks)
    phases = active_phases(going, HISTORY, NOW)
    assert [phase.name for phase in phases] == [name for name, _ in expected]
    assert [phase.seconds for phase in phases] == pytest.approx([age for _, age in expected])


def test_few_durations_predict_nothing() -> None:
    assert is_predictable("execution load", HISTORY)
    assert not is_predictable("execution few", HISTORY)
    assert not is_predictable("execution new", HISTORY)
