"""The work that each kind of task amounts to."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS, describe_refusal
from flask_lakeflow_jobs.local.tasks import kinds
from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.work import CannotRun, ConditionResult, ForEach, NestedRun
from tests.local.support import python_task
from tests.local.tasks.support import context, payload, refusal

# Conditions and for-each tasks


@pytest.mark.parametrize(
    ("left", "op", "right", "outcome"),
    [
        ("a", "EQUAL_TO", "a", "true"),
        ("12.0", "EQUAL_TO", "12", "false"),
        (12, "EQUAL_TO", "12", "true"),
        ("12", "EQUAL_TO", 12, "true"),
        ("a", "NOT_EQUAL", "b", "true"),
        ("12.0", "GREATER_THAN_OR_EQUAL", "12", "true"),
        ("10", "GREATER_THAN", "5", "true"),
        ("10", "LESS_THAN", "9", "false"),
        ("9", "LESS_THAN_OR_EQUAL", "9", "true"),
    ],
)
def test_condition_outcome(
    folder: Path, left: object, op: str, right: object, outcome: str
) -> None:
    spec = {"task_key": "a", "condition_task": {"left": left, "op": op, "right": right}}
    assert build_work(spec, context(folder)) == ConditionResult(outcome)


def test_condition_that_orders_text_is_refused(folder: Path) -> None:
    body = {"left": "many", "op": "GREATER_THAN", "right": "1"}
    assert refusal("condition_task", body, context(folder)) == (
        "The condition compares 'many' with '1' by GREATER_THAN, which takes numbers."
    )


@pytest.mark.parametrize(
    ("fields", "inputs", "concurrency"),
    [
        ({"inputs": '[1, {"a": 2}]', "concurrency": "3"}, [1, {"a": 2}], 3),
        ({"inputs": [1, 2]}, [1, 2], 1),
    ],
)
def test_for_each_reads_inputs_and_concurrency(
    folder: Path, fields: dict[str, Any], inputs: list[Any], concurrency: int
) -> None:
    inner = {"task_key": "each"}
    spec = {"task_key": "loop", "for_each_task": {**fields, "task": inner}}
    assert build_work(spec, context(folder)) == ForEach(inner, inputs, concurrency)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("nothing", "The inputs of the for_each_task are not valid JSON: 'nothing'."),
        ("5", "The inputs of the for_each_task must be a JSON array, not 5."),
        (str([0] * 5001), "The for_each_task has 5001 inputs; at most 5000 run here."),
    ],
)
def test_for_each_over_invalid_inputs_is_refused(folder: Path, inputs: str, message: str) -> None:
    body = {"inputs": inputs, "task": {"task_key": "each"}}
    assert refusal("for_each_task", body, context(folder)) == message


# Processes


@pytest.mark.parametrize(
    ("body", "overriding", "expected"),
    [
        ({}, {}, []),
        ({"parameters": ["a", 1]}, {}, ["a", "1"]),
        ({"parameters": ["a"]}, {"python_params": ["b"]}, ["b"]),
    ],
)
def test_python_parameters(
    folder: Path, body: dict[str, Any], overriding: dict[str, Any], expected: list[str]
) -> None:
    spec = {"task_key": "main", "spark_python_task": {"python_file": "main.py", **body}}
    work = payload(build_work(spec, context(folder, overriding=overriding)))
    assert work["parameters"] == expected
    assert (work["kind"], work["folder"]) == ("script", str(folder))
    assert (work["path"], work["run"]) == (str(folder / "main.py"), {"runId": 5})


@pytest.mark.parametrize(
    ("body", "overriding", "expected"),
    [
        ({}, {}, []),
        ({"parameters": ["a", "b"]}, {}, ["a", "b"]),
        ({"parameters": ["a"]}, {"python_params": ["c"]}, ["c"]),
        ({"named_parameters": {"x": "1", "y": "2"}}, {}, ["--x=1", "--y=2"]),
        (
            {"named_parameters": {"x": "1", "y": "2"}},
            {"python_named_params": {"x": "3"}},
            ["--x=3", "--y=2"],
        ),
        (
            {"named_parameters": {"x": [1]}},
            {"python_named_params": {"y": "3"}},
            ["--x=[1]", "--y=3"],
        ),
    ],
)
def test_wheel_parameters(
    folder: Path, body: dict[str, Any], overriding: dict[str, Any], expected: list[str]
) -> None:
    wheel = {"package_name": "greeter", "entry_point": "hello", **body}
    spec = {"task_key": "main", "python_wheel_task": wheel}
    work = payload(build_work(spec, context(folder, overriding=overriding)))
    assert work["parameters"] == expected
    assert (work["package_name"], work["entry_point"]) == ("greeter", "hello")


@pytest.mark.parametrize(
    ("spec", "own", "run_field"),
    [
        ({"notebook_task": {"notebook_path": "notebook"}}, "base_parameters", "notebook_params"),
        ({"sql_task": {"file": {"path": "src/query.sql"}}}, "parameters", "sql_params"),
    ],
)
def test_named_parameters_of_run_now_override_those_of_job_and_task(
    folder: Path, spec: dict[str, Any], own: str, run_field: str
) -> None:
    pytest.importorskip("duckdb")
    (kind,) = spec
    parameters = {own: {"a": "task", "b": "task", "c": [1]}}
    work = build_work(
        {"task_key": "main", kind: {**spec[kind], **parameters}},
        context(
            folder, job_parameters={"a": "job", "b": "job"}, overriding={run_field: {"a": "run"}}
        ),
    )
    assert payload(work)["parameters"] == {"a": "run", "b": "job", "c": "[1]"}


def test_notebook_runs_in_its_folder(folder: Path) -> None:
    spec = {"task_key": "main", "notebook_task": {"notebook_path": "notebook"}}
    work = payload(build_work(spec, context(folder)))
    assert (work["kind"], work["path"]) == ("notebook", str(folder / "notebook.py"))


def test_sql_without_duckdb_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("duckdb", "pyspark"):
        monkeypatch.setitem(sys.modules, module, None)
    body = {"file": {"path": "src/query.sql"}}
    assert refusal("sql_task", body, context(folder)) == (
        "A sql_task needs DuckDB or Spark here. Install one of them: "
        "pip install 'flask-lakeflow-jobs[sql]' or 'flask-lakeflow-jobs[spark]'."
    )


@pytest.mark.parametrize(
    ("settings", "body", "names_repository"),
    [
        ({}, {}, False),
        ({"git_source": {"git_url": "https://example.com/a.git"}}, {}, True),
        ({"git_source": {"git_url": "https://example.com/a.git"}}, {"source": "WORKSPACE"}, False),
    ],
)
def test_missing_file_is_refused(
    folder: Path, settings: dict[str, Any], body: dict[str, Any], names_repository: bool
) -> None:
    message = refusal(
        "spark_python_task",
        {"python_file": "nowhere.py", **body},
        context(folder, settings=settings),
    )
    assert f"There is no file nowhere.py in the bundle {folder}. Add it, or correct" in message
    clone = "Check https://example.com/a.git out around the bundle"
    assert message.startswith(clone if names_repository else "There is no file")


def test_folder_of_the_deployment_is_that_of_the_bundle(folder: Path) -> None:
    """A task may list it as a project, by ${workspace.file_path}."""
    files = context(folder).files
    deployed = next(path for path, local in files.mounts.items() if local == str(folder))
    assert files.to_local_path(deployed) == files.to_local_path(f"{deployed}/") == folder


# Other kinds


def test_run_job_takes_the_fields_of_run_now(folder: Path) -> None:
    body = {"job_id": "5", "job_parameters": {"day": "1"}}
    spec = {"task_key": "call", "run_job_task": body}
    assert build_work(spec, context(folder)) == NestedRun(5, {"job_parameters": {"day": "1"}})


@pytest.mark.parametrize("body", [{}, {"job_id": None}, {"job_id": "x"}])
def test_run_job_without_a_job_is_refused(folder: Path, body: dict[str, Any]) -> None:
    assert refusal("run_job_task", body, context(folder)) == "The run_job_task needs a 'job_id'."


@pytest.mark.parametrize("kind", sorted(TASK_KINDS.keys() - kinds._BUILDERS.keys()))
def test_other_kind_is_refused(folder: Path, kind: str) -> None:
    message = refusal(kind, {}, context(folder))
    assert message == describe_refusal(kind)
    assert re.fullmatch(
        rf"The local workspace cannot run an? {kind}\. (?:[A-Z][a-z_ ]+, or s|S)imulate its job "
        r"with the tag 'local_simulation'\.",
        message,
    )


def test_sql_without_a_file_is_refused(folder: Path) -> None:
    assert refusal("sql_task", {"alert": {"alert_id": "1"}}, context(folder)) == (
        "The local workspace cannot run a sql_task with an alert. Put its SQL into a file and "
        "check it with a condition_task, or simulate its job with the tag 'local_simulation'."
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [("none.env", "There is no file none.env in"), ("a.env", "a.env:1: Write KEY=VALUE")],
)
def test_file_of_variables_that_cannot_be_read_is_refused(
    folder: Path, file: str, message: str
) -> None:
    (folder / "a.env").write_text("export A=1")
    item = {"environment_variables_key": "v", "spec": {"files": [file]}}
    spec = python_task("main", environment_variables_key="v")
    with pytest.raises(CannotRun, match=f"^{message}"):
        build_work(spec, context(folder, settings={"environment_variables": [item]}))
