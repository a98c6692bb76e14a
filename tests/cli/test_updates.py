"""The updates of a run as lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.updates import LineDisplay, format_update
from flask_lakeflow_jobs.runs.outcome import RunStatus
from flask_lakeflow_jobs.runs.progress import Progress, RunProgress
from tests import run_documents
from tests.run_documents import FAILED, FAILED_BY_TASK, SUCCEEDED, Document, run_state, task

#: 2026-11-24 15:02:01 UTC
MOMENT = 1_795_532_521_000


def state(doing: Document | None = None, *tasks: Document, **fields: Any) -> RunStatus:
    return RunStatus(MOMENT, run_documents.run(doing, tasks=list(tasks), **fields))


def update_lines(previous: RunStatus | None, current: RunStatus) -> list[str]:
    return [click.unstyle(line) for line in format_update(previous, current)]


def test_first_update_has_the_run_and_its_unblocked_tasks() -> None:
    now = state(
        run_state("RUNNING", message="In run"),
        task("read", run_state("RUNNING")),
        task("clean", run_state("BLOCKED")),
        task("load_all", run_state("PENDING")),
    )
    assert update_lines(None, now) == [
        "15:02:01  RUNNING",
        "15:02:01    read      RUNNING",
        "15:02:01    load_all  PENDING",
    ]


def test_update_has_only_changed_tasks() -> None:
    before = state(None, task("read", run_state("RUNNING")), task("clean", run_state("BLOCKED")))
    now = state(
        None,
        task("read", SUCCEEDED, setup_duration=200, execution_duration=1000),
        task("clean", run_state("RUNNING")),
    )
    assert update_lines(before, now) == [
        "15:02:01    read   SUCCEEDED  1.2 s",
        "15:02:01    clean  RUNNING",
    ]


def test_update_lists_tasks_in_the_order_of_their_ends() -> None:
    now = state(
        None,
        task("b", SUCCEEDED, start_time=1, end_time=20),
        task("a", SUCCEEDED, start_time=1, end_time=30),
        task("c", SUCCEEDED, start_time=1, end_time=10),
    )
    assert [line.split()[1] for line in update_lines(state(), now)] == ["c", "b", "a"]


def test_update_has_changed_reports_of_progress() -> None:
    load = Progress(50, "half", "load", MOMENT)
    first = replace(state(), progress=RunProgress(1, "", None, MOMENT, {"load": load}))
    later = replace(load, timestamp=MOMENT + 1000)
    second = replace(state(), progress=RunProgress(2.5, "", None, MOMENT, {"load": later}))
    assert update_lines(state(), first) == ["15:02:01  1 %", "15:02:01  load  50 %  half"]
    assert update_lines(first, second) == ["15:02:01  2 %"]
    assert update_lines(second, state()) == []


def test_update_without_a_change_is_empty() -> None:
    now = state(None, task("read", run_state("RUNNING")))
    assert update_lines(now, now) == []


def test_lines_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = state(None, task("read", run_state("RUNNING")))
    with LineDisplay() as display:
        display.show(now)
        display.show(now)
    assert capsys.readouterr().err.splitlines() == update_lines(None, now)


def test_update_ends_with_the_terminal_state_without_message() -> None:
    before = state(None, task("read", run_state("RUNNING")))
    now = state(
        {**FAILED_BY_TASK, "state": {**FAILED_BY_TASK["state"], "state_message": "Task failed"}},
        task("read", FAILED, execution_duration=60_000),
        run_duration=61_000,
    )
    assert update_lines(before, now) == [
        "15:02:01    read  FAILED     1 min 0 s",
        "15:02:01  FAILED     1 min 1 s",
    ]


def test_update_of_a_queued_run_has_the_reason() -> None:
    now = state(
        run_state("QUEUED", message="Queued due to\nreaching maximum concurrent runs of 1.")
    )
    assert update_lines(None, now) == [
        "15:02:01  QUEUED     Queued due to reaching maximum concurrent runs of 1."
    ]


def test_update_has_new_attempts() -> None:
    before = state(None, task("read", run_state("RUNNING")))
    now = state(None, task("read", FAILED), task("read", run_state("RUNNING"), attempt_number=1))
    assert update_lines(before, now) == [
        "15:02:01    read  FAILED",
        "15:02:01    read  RUNNING    attempt 2",
    ]


def test_first_update_has_no_earlier_attempts() -> None:
    now = state(None, task("read", FAILED), task("read", run_state("RUNNING"), attempt_number=1))
    assert update_lines(None, now)[1:] == ["15:02:01    read  RUNNING    attempt 2"]


def test_update_of_an_unknown_state_is_unknown() -> None:
    assert update_lines(None, state({"status": {}})) == ["15:02:01  UNKNOWN"]
