"""Runs, jobs, outputs and errors as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import pytest
from databricks.sdk.service.jobs import RunOutput

from flask_lakeflow_jobs.cli.formatting import (
    final_duration,
    format_datetime,
    format_error,
    format_explanation,
    format_outcome,
    format_outputs,
    format_run,
    format_runs,
    format_task_log,
    format_time,
    format_update,
    join_lines,
)
from flask_lakeflow_jobs.errors import InvalidParameters, RunTimeout
from flask_lakeflow_jobs.runs.explanation import Explanation, FailedTask
from flask_lakeflow_jobs.runs.outcome import Outcome, RunStatus
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
    assert update_lines(before, now) == ["15:02:01    read  RUNNING    attempt 2"]


def test_update_of_an_unknown_state_is_unknown() -> None:
    assert update_lines(None, state({"status": {}})) == ["15:02:01  UNKNOWN"]


def output(**fields: Any) -> RunOutput:
    return RunOutput.from_dict(fields)


def output_lines(outputs: dict[str, RunOutput], *tasks: Document) -> list[str]:
    return format_outputs(run_documents.run(SUCCEEDED, tasks=list(tasks)).tasks, outputs)


def test_output_of_a_single_task_has_no_heading() -> None:
    assert output_lines({"a": output(logs="x\ny\n")}, task("a", SUCCEEDED)) == ["x\ny"]


def test_output_of_a_query_is_its_rows() -> None:
    rows = output(sql_output={"query_output": {}}, info="total\n9\n")
    assert output_lines({"a": rows}, task("a", SUCCEEDED)) == ["total\n9"]


def test_outputs_of_several_tasks_have_headings_in_end_time_order() -> None:
    outputs = {
        "a": output(logs="last\n"),
        "b": output(notebook_output={"result": "first"}, logs="not this"),
        "c": output(logs=""),
    }
    tasks = [task("a", SUCCEEDED, end_time=2), task("b", SUCCEEDED, end_time=1)]
    assert output_lines(outputs, *tasks) == [
        *("=======", "Task b:", "first"),
        *("=======", "Task a:", "last"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"logs": "x\n", "logs_truncated": True},
        {"notebook_output": {"result": "x", "truncated": True}},
    ],
)
def test_truncated_output_is_marked(fields: dict[str, Any]) -> None:
    assert output_lines({"a": output(**fields)}) == ["x\n[truncated]"]


def test_other_output_is_json() -> None:
    (text,) = output_lines({"a": output(run_job_output={"run_id": 5})})
    assert text == '{\n  "run_id": 5\n}'


@pytest.mark.parametrize("fields", [{}, {"notebook_output": {}}, {"logs": ""}])
def test_empty_output_is_left_out(fields: dict[str, Any]) -> None:
    assert output_lines({"a": output(**fields)}) == []


def test_output_of_a_dbt_task_has_no_credentials() -> None:
    result = output(
        dbt_output={"artifacts_link": "https://x", "artifacts_headers": {"k": "secret"}}
    )
    assert "secret" not in "".join(output_lines({"a": result}))
    assert "https://x" in "".join(output_lines({"a": result}))


def explanation_lines(**fields: Any) -> list[str]:
    defaults = {
        "task_key": "clean",
        "run_id": 5,
        "attempt": 0,
        "outcome": Outcome.FAILED,
        "error": None,
        "error_trace": None,
        "termination_code": None,
        "message": "",
        "url": None,
    }
    tasks = [FailedTask(**{**defaults, **fields})]
    explanation = Explanation(1, Outcome.FAILED, tasks, None, "", None)
    return [click.unstyle(line) for line in format_explanation(explanation)]


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"error": "ValueError: x", "error_trace": "Traceback\n  at\nValueError: x\n"},
            ["Task clean: FAILED", "  Traceback", "    at", "  ValueError: x"],
        ),
        (
            {"error": "ValueError: x", "error_trace": "at line 1"},
            ["Task clean: FAILED", "  ValueError: x", "  at line 1"],
        ),
        (
            {"attempt": 2, "message": "Cluster lost.", "termination_code": "CLUSTER_ERROR"},
            ["Task clean: FAILED, attempt 3", "  Cluster lost."],
        ),
        (
            {"outcome": Outcome.TIMED_OUT, "termination_code": "DRIVER_ERROR"},
            ["Task clean: TIMED_OUT", "  DRIVER_ERROR"],
        ),
        ({}, ["Task clean: FAILED"]),
    ],
)
def test_failed_task_has_its_error_and_traceback(fields: dict[str, Any], lines: list[str]) -> None:
    assert explanation_lines(**fields) == lines


def test_error_is_its_detail() -> None:
    error = RunTimeout(5, 1.0)
    assert format_error(error) == error.detail


def test_error_lists_nested_fields() -> None:
    messages = {
        "day": ["Not a valid date.", "Too late."],
        "legs": {0: {"from": ["Missing data."]}},
        "_schema": ["Backwards."],
    }
    error = InvalidParameters("The job does not take these.", messages)
    assert format_error(error).splitlines() == [
        "The job does not take these.",
        "  day: Not a valid date.",
        "  day: Too late.",
        "  legs.0.from: Missing data.",
        "  Backwards.",
    ]


def test_error_does_not_repeat_its_detail() -> None:
    assert format_error(InvalidParameters("a: Wrong.", {"a": ["Wrong."]})) == "a: Wrong."


def test_runs_are_rows_of_a_table() -> None:
    newest = run_documents.run(
        SUCCEEDED,
        start_time=MOMENT,
        run_duration=1500,
        creator_user_name="ann@example.com",
        run_page_url="https://host/?o=1#job/7/run/1001",
    )
    runs: list[Any] = [newest, run_documents.run()]
    lines = [click.unstyle(line) for line in format_runs(runs, is_wide=True)]
    assert [line.split() for line in lines[1:]] == [
        [
            *("1001", "SUCCEEDED", "2026-11-24", "15:02:01", "1.5", "s", "ann@example.com"),
            "https://host/jobs/7/runs/1001?o=1",
        ],
        ["1001", "RUNNING"],
    ]


def test_run_has_one_fact_per_line_and_its_tasks() -> None:
    tasks = [task("read", FAILED), task("read", SUCCEEDED, attempt_number=1, run_duration=20)]
    run = run_documents.run(SUCCEEDED, start_time=MOMENT, end_time=MOMENT + 2000, tasks=tasks)
    assert [click.unstyle(line) for line in format_run("etl", run)] == [
        "Run:      1001 of etl",
        "Outcome:  SUCCEEDED",
        "Started:  2026-11-24 15:02:01",
        "Ended:    2026-11-24 15:02:03",
        "Duration: 2.0 s",
        "",
        "TASK  OUTCOME    ATTEMPT  STARTED (UTC)  DURATION",
        "read  SUCCEEDED  2                       20 ms",
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_outcome_is_its_name_in_color(outcome: Outcome) -> None:
    assert click.unstyle(format_outcome(outcome)) == outcome.value.upper()


def test_outcomes_differ_in_color() -> None:
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELED)
    assert len({format_outcome(outcome).partition("m")[0] for outcome in outcomes}) == 3


def test_times_are_local() -> None:
    assert format_time(MOMENT) == "15:02:01"
    assert format_datetime(MOMENT) == "2026-11-24 15:02:01"


@pytest.mark.parametrize("milliseconds", [None, 0])
def test_missing_time_is_an_empty_text(milliseconds: int | None) -> None:
    assert format_datetime(milliseconds) == ""


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"setup_duration": 1, "execution_duration": 2, "cleanup_duration": 3}, 0.006),
        ({"run_duration": 9, "execution_duration": 2}, 0.009),
        ({"start_time": 100, "end_time": 150}, 0.05),
        ({"start_time": 100, "end_time": 150, "queue_duration": 20, "run_duration": 50}, 0.03),
        ({"start_time": 100, "end_time": 90_000, "run_duration": 60}, 0.06),
        ({"start_time": 100, "end_time": 0}, None),
        ({}, None),
    ],
)
def test_final_duration_of_an_ended_run(fields: dict[str, Any], seconds: float | None) -> None:
    assert final_duration(run_documents.run(SUCCEEDED, **fields)) == seconds


def test_final_duration_of_an_active_run_is_none() -> None:
    assert final_duration(run_documents.run(start_time=100, run_duration=5)) is None


def test_join_lines_removes_line_breaks() -> None:
    assert join_lines(" a\n\tb \r\n") == "a b"
    assert join_lines(None) == ""


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (RunOutput(logs="12 rows\n"), ["12 rows"]),
        (RunOutput(), []),
        (RunOutput(error="E: x", error_trace="Trace\nE: x\n"), ["Trace\nE: x"]),
        (RunOutput(logs="one\n", error="E: x"), ["one", "E: x"]),
    ],
)
def test_task_log_has_the_output_and_the_error_once(output: RunOutput, lines: list[str]) -> None:
    load = run_documents.sdk_task(task("load", FAILED, attempt_number=1, run_duration=1500))
    heading, *rest = format_task_log(load, output)
    assert click.unstyle(heading) == "=== load: FAILED, attempt 2 after 1.5 s"
    assert rest == lines
