"""Runs, jobs, outputs and errors as lines."""

from __future__ import annotations

from typing import Any

import click
import pytest
from databricks.sdk.service.jobs import RunOutput

from flask_lakeflow_jobs.cli.formatting import (
    error_lines,
    failure_lines,
    news,
    output_lines,
    run_lines,
    run_rows,
    table,
)
from flask_lakeflow_jobs.errors import InvalidParameters, RunTimeout
from flask_lakeflow_jobs.runs.explanation import Explanation, FailedTask
from flask_lakeflow_jobs.runs.outcome import Outcome, RunStatus
from tests import run_documents
from tests.run_documents import FAILED, FAILED_BY_TASK, SUCCEEDED, Document, task, words

#: 2026-11-24 15:02:01 UTC
MOMENT = 1_795_532_521_000


def state(doing: Document | None = None, *tasks: Document, **fields: Any) -> RunStatus:
    return RunStatus(MOMENT, run_documents.run(doing, tasks=list(tasks), **fields))


def told(before: RunStatus | None, now: RunStatus) -> list[str]:
    return [click.unstyle(line) for line in news(before, now)]


# ── what changed ──────────────────────────────────────────────────────────────────────────────────


def test_the_first_state_tells_the_run_and_the_tasks_that_do_not_only_wait() -> None:
    now = state(
        words("RUNNING", message="In run"),
        task("read", words("RUNNING")),
        task("clean", words("BLOCKED")),
        task("load_all", words("PENDING")),
    )
    assert told(None, now) == [
        "15:02:01  RUNNING",
        "15:02:01    read      RUNNING",
        "15:02:01    load_all  PENDING",
    ]


def test_only_the_tasks_that_changed_are_told() -> None:
    before = state(None, task("read", words("RUNNING")), task("clean", words("BLOCKED")))
    now = state(
        None,
        task("read", SUCCEEDED, setup_duration=200, execution_duration=1000),
        task("clean", words("RUNNING")),
    )
    assert told(before, now) == [
        "15:02:01    read   SUCCEEDED  1.2 s",
        "15:02:01    clean  RUNNING",
    ]


def test_tasks_are_told_in_the_order_in_which_things_happened() -> None:
    now = state(
        None,
        task("b", SUCCEEDED, start_time=1, end_time=20),
        task("a", SUCCEEDED, start_time=1, end_time=30),
        task("c", SUCCEEDED, start_time=1, end_time=10),
    )
    assert [line.split()[1] for line in told(state(), now)] == ["c", "b", "a"]


def test_no_change_is_no_news() -> None:
    now = state(None, task("read", words("RUNNING")))
    assert told(now, now) == []


def test_the_end_of_the_run_comes_last_and_without_the_message_that_follows_it() -> None:
    before = state(None, task("read", words("RUNNING")))
    now = state(
        {**FAILED_BY_TASK, "state": {**FAILED_BY_TASK["state"], "state_message": "Task failed"}},
        task("read", FAILED, execution_duration=60_000),
        run_duration=61_000,
    )
    assert told(before, now) == [
        "15:02:01    read  FAILED     1 min 0 s",
        "15:02:01  FAILED     1 min 1 s",
    ]


def test_why_a_run_waits_is_told() -> None:
    now = state(words("QUEUED", message="Queued due to\nreaching maximum concurrent runs of 1."))
    assert told(None, now) == [
        "15:02:01  QUEUED     Queued due to reaching maximum concurrent runs of 1."
    ]


def test_a_new_attempt_is_news() -> None:
    before = state(None, task("read", words("RUNNING")))
    now = state(None, task("read", FAILED), task("read", words("RUNNING"), attempt_number=1))
    assert told(before, now) == ["15:02:01    read  RUNNING    attempt 2"]


def test_a_word_that_nobody_knows_is_told_as_unknown() -> None:
    assert told(None, state({"status": {}})) == ["15:02:01  UNKNOWN"]


# ── what came out ─────────────────────────────────────────────────────────────────────────────────


def output(**fields: Any) -> RunOutput:
    return RunOutput.from_dict(fields)


def printed(outputs: dict[str, RunOutput], *tasks: Document) -> list[str]:
    return output_lines(run_documents.run(SUCCEEDED, tasks=list(tasks)).tasks, outputs)


def test_the_output_of_a_single_task_is_bare() -> None:
    assert printed({"a": output(logs="x\ny\n")}, task("a", SUCCEEDED)) == ["x\ny"]


def test_the_rows_of_a_query_are_its_output() -> None:
    rows = output(sql_output={"query_output": {}}, info="total\n9\n")
    assert printed({"a": rows}, task("a", SUCCEEDED)) == ["total\n9"]


def test_outputs_of_several_tasks_have_headings_in_end_time_order() -> None:
    outputs = {
        "a": output(logs="last\n"),
        "b": output(notebook_output={"result": "first"}, logs="not this"),
        "c": output(logs=""),
    }
    tasks = [task("a", SUCCEEDED, end_time=2), task("b", SUCCEEDED, end_time=1)]
    assert printed(outputs, *tasks) == [
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
def test_what_is_cut_off_says_so(fields: dict[str, Any]) -> None:
    assert printed({"a": output(**fields)}) == ["x\n[truncated]"]


def test_other_outputs_are_json() -> None:
    (text,) = printed({"a": output(run_job_output={"run_id": 5})})
    assert text == '{\n  "run_id": 5\n}'


@pytest.mark.parametrize("fields", [{}, {"notebook_output": {}}, {"logs": ""}])
def test_a_task_that_left_nothing_prints_nothing(fields: dict[str, Any]) -> None:
    assert printed({"a": output(**fields)}) == []


def test_the_credentials_of_a_dbt_task_are_kept_back() -> None:
    left = output(dbt_output={"artifacts_link": "https://x", "artifacts_headers": {"k": "secret"}})
    assert "secret" not in "".join(printed({"a": left}))
    assert "https://x" in "".join(printed({"a": left}))


# ── what went wrong ───────────────────────────────────────────────────────────────────────────────


def failed(**fields: Any) -> list[str]:
    known = {
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
    tasks = [FailedTask(**{**known, **fields})]
    explanation = Explanation(1, Outcome.FAILED, tasks, None, "", None)
    return [click.unstyle(line) for line in failure_lines(explanation)]


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
def test_a_failed_task_tells_what_is_known(fields: dict[str, Any], lines: list[str]) -> None:
    assert failed(**fields) == lines


def test_an_error_is_its_sentence() -> None:
    assert error_lines(RunTimeout(5, 1.0)) == [
        "Run 5 has not ended within 1 seconds. It continues."
    ]


def test_wrong_fields_are_named_however_deep_they_are() -> None:
    messages = {
        "day": ["Not a valid date.", "Too late."],
        "legs": {0: {"from": ["Missing data."]}},
        "_schema": ["Backwards."],
    }
    assert error_lines(InvalidParameters("The job does not take these.", messages)) == [
        "The job does not take these.",
        "  day: Not a valid date.",
        "  day: Too late.",
        "  legs.0.from: Missing data.",
        "  Backwards.",
    ]


def test_what_the_sentence_says_is_not_said_again() -> None:
    assert error_lines(InvalidParameters("a: Wrong.", {"a": ["Wrong."]})) == ["a: Wrong."]


# ── tables ────────────────────────────────────────────────────────────────────────────────────────


def test_columns_are_as_wide_as_they_have_to_be_and_colours_take_no_room() -> None:
    rows = [["1", click.style("x", fg="red"), ""], ["10", "longer", "z"]]
    lines = [click.unstyle(line) for line in table(["N", "WORD", "C"], rows)]
    assert lines == ["N   WORD    C", "1   x", "10  longer  z"]


def test_a_table_without_rows_is_its_header() -> None:
    assert table(["A", "B"], []) == ["A  B"]


def test_runs_are_one_a_line() -> None:
    newest = run_documents.run(
        SUCCEEDED,
        start_time=MOMENT,
        run_duration=1500,
        creator_user_name="ann@example.com",
        run_page_url="https://host/?o=1#job/7/run/1001",
    )
    lines = [click.unstyle(line) for line in run_rows([newest, run_documents.run()])]  # type: ignore[list-item]
    assert [line.split() for line in lines[1:]] == [
        [
            *("1001", "SUCCEEDED", "2026-11-24", "15:02:01", "1.5", "s", "ann@example.com"),
            "https://host/jobs/7/runs/1001?o=1",
        ],
        ["1001", "RUNNING"],
    ]


def test_a_run_is_a_fact_a_line_and_its_tasks() -> None:
    tasks = [task("read", FAILED), task("read", SUCCEEDED, attempt_number=1, run_duration=20)]
    found = run_documents.run(SUCCEEDED, start_time=MOMENT, end_time=MOMENT + 2000, tasks=tasks)
    assert [click.unstyle(line) for line in run_lines("etl", found)] == [
        "Run:      1001 of etl",
        "Outcome:  SUCCEEDED",
        "Started:  2026-11-24 15:02:01",
        "Ended:    2026-11-24 15:02:03",
        "Duration: 2.0 s",
        "",
        "TASK  OUTCOME    ATTEMPT  STARTED  DURATION",
        "read  SUCCEEDED  2                 20 ms",
    ]
