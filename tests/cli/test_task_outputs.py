"""Outputs of tasks as text."""

from __future__ import annotations

from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.task_outputs import format_loop, format_outputs, format_task_log
from flask_lakeflow_jobs.runs.iterations import Iteration
from flask_lakeflow_jobs.runs.outcome import Outcome
from tests import run_documents
from tests.run_documents import FAILED, SUCCEEDED, Document, task


def output(**fields: Any) -> Document:
    return fields


def output_lines(outputs: dict[str, Document], *tasks: Document) -> list[str]:
    return format_outputs(run_documents.run(SUCCEEDED, tasks=list(tasks)).tasks, outputs)


def test_output_of_a_single_task_has_no_heading() -> None:
    assert output_lines({"a": output(logs="x\ny\n")}, task("a", SUCCEEDED)) == ["x\ny"]


def test_output_of_a_query_is_its_rows() -> None:
    rows = [{"values": [{"string_value": "9"}]}, {"values": [{}]}]
    result = {"columns": [{"name": "total"}], "rows": rows, "truncated": True}
    query = output(sql_output={"file_output": {"query_result": result}})
    assert output_lines({"a": query}, task("a", SUCCEEDED)) == ["total\n9\nNULL\n[truncated]"]


def test_outputs_of_several_tasks_have_headings_in_end_time_order() -> None:
    outputs = {
        "a": output(logs="last\n"),
        "b": output(notebook_output={"result": "first"}, logs="printed\n"),
        "c": output(logs=""),
    }
    tasks = [task("a", SUCCEEDED, end_time=2), task("b", SUCCEEDED, end_time=1)]
    assert output_lines(outputs, *tasks) == [
        *("=======", "Task b:", "printed\nfirst"),
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
    assert output_lines({"a": output(unknown_output="text")}) == ['"text"']


@pytest.mark.parametrize("fields", [{}, {"notebook_output": {}}, {"logs": ""}])
def test_empty_output_is_left_out(fields: dict[str, Any]) -> None:
    assert output_lines({"a": output(**fields)}) == []


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (output(logs="12 rows\n"), ["12 rows"]),
        (output(), []),
        (output(error="E: x", error_trace="Trace\nE: x\n"), ["Trace\nE: x"]),
        (output(logs="one\n", error="E: x"), ["one", "E: x"]),
    ],
)
def test_task_log_has_the_output_and_the_error_once(written: Document, lines: list[str]) -> None:
    load = run_documents.sdk_task(task("load", FAILED, attempt_number=1, run_duration=1500))
    heading, *rest = format_task_log(load, written)
    assert click.unstyle(heading) == "=== load: FAILED, attempt 2 after 1.5 s"
    assert rest == lines


def test_outputs_of_a_loop_have_its_iterations_with_their_own() -> None:
    first = Iteration(1, 11, 1, "north", Outcome.SUCCEEDED, 1, 2501)
    second = Iteration(2, 12, 1, "south", Outcome.FAILED, 1, 2)
    outputs = {11: output(logs="hello\n"), 12: output(error="ValueError: x")}
    (text,) = format_outputs([], {"each": output()}, {"each": ([first, second], outputs)})
    lines = [" ".join(line.split()) for line in click.unstyle(text).splitlines()]
    assert lines[1].startswith("1 SUCCEEDED 1 19")
    assert lines[1].endswith(" 2.5 s north")
    assert lines[3:] == [
        *("--- iteration 1: north", "hello"),
        *("--- iteration 2: south", "ValueError: x"),
    ]
    assert len(format_loop([first, second], width=20)) == 3
