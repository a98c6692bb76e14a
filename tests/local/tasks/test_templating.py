"""Dynamic value references: replacement, and the values inside one task."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import states
from flask_lakeflow_jobs.local.model import JobRun, Repair, TaskRun
from flask_lakeflow_jobs.local.states import State
from flask_lakeflow_jobs.local.tasks.templating import TaskReferences, UnknownReference, resolve
from flask_lakeflow_jobs.local.tasks.work import CannotRun

VALUES = {
    "job.id": 5,
    "job.name": "etl",
    "tasks.a.values.list": [1, {"b": None}],
    "tasks.a.values.two words": "here",
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("no reference", "no reference"),
        ("{{job.id}}", "5"),
        ("{{ tasks.a.[values].[two words] }}", "here"),
        ('{{ tasks["a"].values["two words"] }}', "here"),
        ("{{tasks['a'].values[two words]}}", "here"),
        ("{{job.`id`}} {{tasks.a.values.`two words`}}", "5 here"),
        ("{{ job.id }} of {{job.name}}", "5 of etl"),
        ("{{tasks.a.values.list}}", '[1, {"b": null}]'),
        (
            ["{{job.id}}", {"{{job.id}}": "{{job.name}}"}, 7, None],
            ["5", {"{{job.id}}": "etl"}, 7, None],
        ),
        (
            "{{ what ever }} {{other.thing}} {{}} {{job.id",
            "{{ what ever }} {{other.thing}} {{}} {{job.id",
        ),
    ],
)
def test_resolve(value: Any, expected: Any) -> None:
    assert resolve(value, VALUES) == expected


@pytest.mark.parametrize("name", ["job.naem", "tasks.b.values.x", "task.nothing", "workspace.x"])
def test_resolve_unknown_name_in_a_namespace_is_refused(name: str) -> None:
    with pytest.raises(UnknownReference, match="has no value here"):
        resolve(f"a {{{{{name}}}}}", VALUES)


@given(st.text())
def test_resolve_text_without_braces_changes_nothing(text: str) -> None:
    assert resolve(text.replace("{{", ""), VALUES) == text.replace("{{", "")


# Saturday, 14 October 2023, 02:40:05 UTC
START = 1_697_251_205_000


def references(
    *, parameters: dict[str, str] | None = None, state: State = states.SUCCESS, item: Any = None
) -> TaskReferences:
    first = TaskRun(11, {"task_key": "first"}, state=state, values={"n": [1]}, rows=[{"day": "x"}])
    spec = {"task_key": "main", "notebook_task": {"notebook_path": "/main"}}
    main = TaskRun(12, spec, attempt=1, parent=0 if item is None else 12, item=item)
    run = JobRun(
        run_id=10,
        job_id=5,
        name="etl",
        creator="me",
        settings={},
        start_time=START,
        parameters=[
            {"name": name, "default": "unused", "value": value}
            for name, value in (parameters or {}).items()
        ],
        repairs=(Repair(0, START), Repair(1, START)),
        tasks=(first, main),
    )
    return TaskReferences(run, main, {"id": 99, "url": "http://here"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("job.id", 5),
        ("job.name", "etl"),
        ("job.run_id", 10),
        ("job.repair_count", 1),
        ("job.trigger.type", "one_time"),
        ("job.trigger.file_arrival.location", ""),
        ("job.trigger.time.year", 2023),
        ("job.start_time.timestamp_ms", START),
        ("job.start_time.iso_date", "2023-10-14"),
        ("job.start_time.iso_datetime", "2023-10-14T02:40:05+00:00"),
        ("job.start_time.iso_weekday", 6),
        ("job.start_time.is_weekday", False),
        ("job.start_time.month", 10),
        ("job.start_time.day", 14),
        ("job.start_time.hour", 2),
        ("job.start_time.minute", 40),
        ("job.start_time.second", 5),
        ("task.name", "main"),
        ("task.run_id", 12),
        ("task.execution_count", 2),
        ("task.notebook_path", "/main"),
        ("tasks.first.run_id", 11),
        ("tasks.first.result_state", "success"),
        ("tasks.first.error_code", ""),
        ("tasks.first.execution_count", 1),
        ("tasks.first.values.n", [1]),
        ("tasks.first.output.rows", [{"day": "x"}]),
        ("tasks.first.output.first_row.day", "x"),
        ("workspace.id", 99),
        ("workspace.url", "http://here"),
        ("job_id", 5),
        ("run_id", 12),
        ("parent_run_id", 10),
        ("task_key", "main"),
        ("task_retry_count", 1),
        ("start_date", "2023-10-14"),
        ("start_time", START),
    ],
)
def test_reference(name: str, value: Any) -> None:
    assert references()[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("input", {"day": {"n": 1}}), ("input.day", {"n": 1}), ("input.day.n", 1)],
)
def test_reference_to_the_input_of_an_iteration(name: str, value: Any) -> None:
    assert references(item={"day": {"n": 1}})[name] == value


def test_reference_to_a_missing_part_of_the_input_is_refused() -> None:
    with pytest.raises(UnknownReference, match=r"\{\{input.day.x\}\}"):
        references(item={"day": 1})["input.day.x"]


@pytest.mark.parametrize(
    "name", ["input", "job.parameters.x", "tasks.first.values.x", "tasks.none.run_id", "other"]
)
def test_reference_without_a_value_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        references()[name]


def test_reference_to_the_error_code_of_a_failed_task() -> None:
    assert references(state=states.FAILED)["tasks.first.error_code"] == "RunExecutionError"


def test_job_parameter_may_hold_references() -> None:
    parameters = {"day": "{{job.start_time.day}}", "path": "/{{job.parameters.day}}"}
    assert references(parameters=parameters)["job.parameters.path"] == "/14"


@pytest.mark.parametrize(
    "parameters",
    [{"a": "{{job.parameters.a}}"}, {"a": "{{job.parameters.b}}", "b": "{{job.parameters.a}}"}],
)
def test_job_parameter_that_leads_back_to_itself_is_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(UnknownReference, match=r"\{\{job.parameters.a\}\}"):
        references(parameters=parameters)["job.parameters.a"]


def nested_parameters(leaf: str) -> dict[str, str]:
    """Return parameters, each of which has the one before it ten times in its value."""
    names = [f"p{number}" for number in range(40)]
    values = [f"{{{{job.parameters.{name}}}}}" * 10 for name in names]
    return dict(zip(names, [leaf, *values], strict=False))


def test_parameters_in_parameters_are_resolved_once() -> None:
    assert references(parameters=nested_parameters(""))["job.parameters.p39"] == ""


def test_parameters_that_grow_beyond_measure_are_refused() -> None:
    with pytest.raises(CannotRun, match=r"more than 16,777,216 characters\. Pass large values in"):
        _ = references(parameters=nested_parameters("x"))["job.parameters.p39"]


def test_references_of_one_task_share_the_measure() -> None:
    found = references(parameters={"large": "x" * 2**20})
    with pytest.raises(CannotRun, match="more than"):
        resolve(["{{job.parameters.large}}"] * 20, found)
