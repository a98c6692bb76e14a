"""The output of a task, as the pages show it."""

from __future__ import annotations

from databricks.sdk.service.jobs import RunOutput

from flask_lakeflow_jobs.console.task_page import TRUNCATED_NOTE, Text, texts_of


def test_output_error_comes_first() -> None:
    output = RunOutput.from_dict(
        {"logs": "one", "info": "two", "error": "three", "error_trace": "four"}
    )
    assert [text.title for text in texts_of(output)] == ["Error", "Trace", "Log", "Info"]
    assert [text.is_bad for text in texts_of(output)] == [True, True, False, False]


def test_output_truncated_has_a_note() -> None:
    output = RunOutput.from_dict(
        {
            "notebook_output": {"result": "12", "truncated": True},
            "logs": "…the end",
            "logs_truncated": True,
        }
    )
    assert texts_of(output) == [
        Text("Result", "12", TRUNCATED_NOTE),
        Text("Log", "…the end", TRUNCATED_NOTE),
    ]


def test_output_complete_has_no_note() -> None:
    output = RunOutput.from_dict({"notebook_output": {"result": "12"}, "logs": ""})
    assert texts_of(output) == [Text("Result", "12")]
