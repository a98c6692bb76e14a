"""Dynamic value references, as rules and inside a run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.engine.templating import UnknownReference, resolve
from tests.local.conftest import Serve
from tests.local.support import depends_on, python_task

VALUES = {
    "job.id": 5,
    "job.name": "etl",
    "tasks.a.values.list": [1, {"b": None}],
    "tasks.a.values.two words": "here",
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("no reference", "no reference"),
        ("{{job.id}}", "5"),
        ("{{ tasks.a.[values].[two words] }}", "here"),
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
def test_resolve(given: Any, expected: Any) -> None:
    assert resolve(given, VALUES) == expected


@pytest.mark.parametrize("name", ["job.naem", "tasks.b.values.x", "task.nothing", "workspace.x"])
def test_unknown_value(name: str) -> None:
    with pytest.raises(UnknownReference, match="has no value here"):
        resolve(f"a {{{{{name}}}}}", VALUES)


@given(st.text())
def test_text_without_braces_stays(text: str) -> None:
    assert resolve(text.replace("{{", ""), VALUES) == text.replace("{{", "")


def test_inside_a_run(serve: Serve) -> None:
    names = [
        "job.id",
        "job.name",
        "job.run_id",
        "job.repair_count",
        "job.trigger.type",
        "job.trigger.file_arrival.location",
        "job.start_time.iso_date",
        "job.start_time.is_weekday",
        "task.name",
        "task.run_id",
        "task.execution_count",
        "tasks.first.run_id",
        "tasks.first.result_state",
        "tasks.first.error_code",
        "tasks.first.execution_count",
        "workspace.id",
        "workspace.url",
        "job_id",
        "run_id",
        "parent_run_id",
        "task_key",
        "task_retry_count",
        "start_date",
    ]
    parameters = [f"{name}={{{{{name}}}}}" for name in names]
    tasks = [
        python_task("first"),
        python_task("main", "main.py", *parameters, depends_on=depends_on("first")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}}, {"main.py": "import sys; print(*sys.argv[1:], sep='\\n')"}
    )
    run = client.run("etl")
    first, main = run.tasks or []
    found = dict(line.split("=") for line in (client.outputs(run)["main"].logs or "").splitlines())
    day = found["start_date"]
    assert len(day) == len("2013-01-01")
    assert found["job.start_time.is_weekday"] in {"true", "false"}
    del found["job.start_time.is_weekday"]
    assert found == {
        "job.id": str(run.job_id),
        "job.name": "etl",
        "job.run_id": str(run.run_id),
        "job.repair_count": "0",
        "job.trigger.type": "one_time",
        "job.trigger.file_arrival.location": "",
        "job.start_time.iso_date": day,
        "task.name": "main",
        "task.run_id": str(main.run_id),
        "task.execution_count": "1",
        "tasks.first.run_id": str(first.run_id),
        "tasks.first.result_state": "success",
        "tasks.first.error_code": "",
        "tasks.first.execution_count": "1",
        "workspace.id": str(client.sdk.get_workspace_id()),
        "workspace.url": client.address.host,
        "job_id": str(run.job_id),
        "run_id": str(main.run_id),
        "parent_run_id": str(run.run_id),
        "task_key": "main",
        "task_retry_count": "0",
        "start_date": day,
    }


def test_error_code_of_a_task_that_failed(serve: Serve) -> None:
    tasks = [
        python_task("first", "fail.py"),
        python_task(
            "main",
            "main.py",
            "{{tasks.first.error_code}} {{job.trigger.time.year}}",
            depends_on=depends_on("first"),
            run_if="ALL_DONE",
        ),
    ]
    files = {"main.py": "import sys; print(sys.argv[1])", "fail.py": "1 / 0"}
    client = serve({"etl": {"tasks": tasks}}, files)
    logs = client.outputs(client.run("etl"))["main"].logs
    assert (logs or "").startswith("RunExecutionError 20")


def test_parameters_may_hold_references(serve: Serve) -> None:
    parameters = [
        {"name": "day", "default": "{{job.start_time.year}}"},
        {"name": "path", "default": "/{{job.parameters.day}}"},
        {"name": "circle", "default": "{{job.parameters.circle}}"},
    ]
    tasks = [python_task("main", "main.py", "{{job.parameters.path}}")]
    client = serve(
        {"etl": {"parameters": parameters[:2], "tasks": tasks}}
        | {"circle": {"parameters": parameters, "tasks": tasks}},
        {"main.py": "import sys; print(sys.argv[1])"},
    )
    assert (client.outputs(client.run("etl"))["main"].logs or "").startswith("/20")
    run = client.run("circle")
    (task,) = run.tasks or []
    assert task.state is not None
    assert "{{job.parameters.circle}} has no value here" in (task.state.state_message or "")
