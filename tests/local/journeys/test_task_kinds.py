"""Tasks of each kind, and the files that they read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import (
    notebook_task,
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    state_message,
    task_results,
)
from tests.support import wait_until

PACKAGE = {
    "greeter.py": """
        import sys

        def greet():
            print(sys.argv[1:])

        def unregistered():
            print("found by name")
    """,
    "greeter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
    "greeter-1.0.dist-info/entry_points.txt": "[console_scripts]\nhello = greeter:greet\n",
}


def wheel(key: str, entry_point: str = "hello", **body: Any) -> dict[str, Any]:
    body = {"package_name": "greeter", "entry_point": entry_point, **body}
    return {"task_key": key, "python_wheel_task": body}


@pytest.mark.parametrize(
    ("body", "logs"),
    [
        ({"parameters": ["a", "b"]}, "['a', 'b']\n"),
        ({"entry_point": "unregistered"}, "found by name\n"),
    ],
)
def test_wheel_task_calls_its_entry_point(serve: Serve, body: dict[str, Any], logs: str) -> None:
    client = serve({"etl": {"tasks": [wheel("main", **body)]}}, PACKAGE)
    assert client.outputs(client.run("etl"))["main"].logs == logs


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"package_name": "no-such-package"}, "ModuleNotFoundError: The package 'no-such-package'"),
        ({"entry_point": "nothing"}, "AttributeError: The package 'greeter' has no entry point"),
    ],
)
def test_wheel_task_without_its_package_or_entry_point_fails(
    serve: Serve, body: dict[str, Any], error: str
) -> None:
    client = serve({"etl": {"tasks": [wheel("main", **body)]}}, PACKAGE)
    run = client.run("etl")
    assert (client.outputs(run)["main"].error or "").startswith(error)


def nested(key: str, job_id: Any, **body: Any) -> dict[str, Any]:
    return {"task_key": key, "run_job_task": {"job_id": job_id, **body}}


def test_run_job_task_starts_a_run_of_the_other_job(serve: Serve) -> None:
    inner = {
        "parameters": [{"name": "day", "default": "monday"}],
        "tasks": [python_task("main", "main.py", "{{job.parameters.day}}")],
    }
    day = {"day": "{{job.parameters.outer}}"}
    outer = {
        "parameters": [{"name": "outer", "default": "friday"}],
        "tasks": [nested("call", "${resources.jobs.inner.id}", job_parameters=day)],
    }
    client = serve({"inner": inner, "outer": outer}, {"main.py": "import sys; print(sys.argv[1])"})
    run = client.run("outer")
    assert state_fields(run)[1] == "SUCCESS"
    output = client.outputs(run)["call"].run_job_output
    assert output is not None
    assert output.run_id is not None
    inner_run = client.jobs.get_run(output.run_id)
    assert inner_run.job_id == client.job_ids["inner"]
    assert inner_run.trigger is not None
    assert inner_run.trigger.value == "RUN_JOB_TASK"
    assert inner_run.trigger_info is not None
    assert inner_run.trigger_info.run_id == run.run_id
    assert client.outputs(inner_run)["main"].logs == "friday\n"


def test_run_job_task_fails_with_the_nested_run(serve: Serve) -> None:
    jobs = {
        "inner": {"tasks": [python_task("main")]},
        "outer": {"tasks": [nested("call", "${resources.jobs.inner.id}")]},
        "nowhere": {"tasks": [nested("call", 5)]},
    }
    client = serve(jobs, {"main.py": "1 / 0"})
    run = client.run("outer")
    (call,) = run.tasks or []
    assert state_fields(call) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    assert call.state is not None
    assert "failed: Task main failed with message" in (call.state.state_message or "")
    (call,) = client.run("nowhere").tasks or []
    assert call.state is not None
    assert call.state.state_message is not None
    assert call.state.state_message.startswith("Job 5 does not exist. Name a job of the bundle")


def test_cancel_cancels_the_nested_run(serve: Serve) -> None:
    jobs = {
        "inner": {"tasks": [python_task("main")]},
        "outer": {"tasks": [nested("call", "${resources.jobs.inner.id}")]},
    }
    client = serve(jobs, {"main.py": "import time; time.sleep(1000)"})
    run_id = client.start("outer")
    (inner,) = wait_until(
        lambda: list(client.jobs.list_runs(job_id=client.job_ids["inner"], active_only=True)),
        "the nested run",
    )
    client.jobs.cancel_run(run_id)
    assert state_fields(client.finish(run_id))[1] == "CANCELED"
    assert inner.run_id is not None
    assert state_fields(client.finish(inner.run_id))[1] == "CANCELED"


@pytest.mark.parametrize("circle", [["a"], ["a", "b"]])
def test_run_job_tasks_in_a_circle_fail(serve: Serve, circle: list[str]) -> None:
    following = dict(zip(circle, [*circle[1:], "a"], strict=True))
    jobs = {
        key: {"tasks": [nested("call", f"${{resources.jobs.{other}.id}}")]}
        for key, other in following.items()
    }
    client = serve(jobs)
    assert state_fields(client.run("a"))[1] == "FAILED"
    runs = list(client.jobs.list_runs())
    assert len(runs) == len(circle)
    assert runs[0].run_id is not None
    (call,) = client.jobs.get_run(runs[0].run_id).tasks or []
    trail = " -> ".join(str(client.job_ids[key]) for key in [*circle, "a"])
    assert state_message(call).startswith(f"Jobs start each other in a circle: {trail}.")


def test_notebook_task_runs_an_ipynb(serve: Serve) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Not code"]},
        {"cell_type": "code", "source": ["day = dbutils.widgets.get('day')\n", "x = 1\n"]},
        {"cell_type": "code", "source": "dbutils.notebook.exit(f'{day} {x}')"},
    ]
    task = notebook_task("main", "book.ipynb")
    task["notebook_task"]["base_parameters"] = {"day": "monday"}
    client = serve({"etl": {"tasks": [task]}}, {"book.ipynb": json.dumps({"cells": cells})})
    output = client.outputs(client.run("etl"))["main"].notebook_output
    assert output is not None
    assert output.result == "monday 1"


def test_export_returns_the_code_and_output_of_a_notebook(serve: Serve, tmp_path: Path) -> None:
    tasks = [notebook_task("main"), python_task("other", "other.py")]
    text = "# Databricks notebook source\nprint('<shown>')\ndbutils.notebook.exit('done')\n"
    client = serve({"etl": {"tasks": tasks}}, {"notebook.py": text, "other.py": ""})
    run = client.run("etl")
    (main, other) = run.tasks or []
    assert main.run_id is not None
    assert other.run_id is not None
    (view,) = client.jobs.export_run(main.run_id).views or []
    path = f"/api/2.2/jobs/runs/export?run_id={main.run_id}&views_to_export="
    assert client.http("GET", f"{path}ALL") == (200, {"views": [view.as_dict()]})
    assert client.http("GET", f"{path}DASHBOARDS") == (200, {"views": []})
    assert client.http("GET", f"{path}NOTES")[1]["message"].startswith(
        "Unknown views_to_export 'NOTES'. Use one of CODE, DASHBOARDS, ALL."
    )
    assert view.name == "notebook"
    assert view.content is not None
    assert "print('&lt;shown&gt;')" in view.content
    assert "<pre>&lt;shown&gt;\n</pre>" in view.content
    (tmp_path / "bundle" / "notebook.py").unlink()
    (tmp_path / "bundle" / "notebook.py").symlink_to("x" * 300)
    status, error = client.http("GET", f"{path}CODE")
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    status, error = client.http("GET", f"/api/2.2/jobs/runs/export?run_id={other.run_id}")
    assert (status, error["message"]) == (400, f"Run {other.run_id} is not a run of a notebook.")


def test_task_log_grows_with_the_task_and_stays_after_its_end(serve: Serve, tmp_path: Path) -> None:
    text = (
        "# Databricks notebook source\nimport os, time\nprint('hello')\n"
        "print('wait', end=' ', flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.01)\nprint('over')\n"
    )
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": text})
    run_id = client.start("etl")
    (task,) = client.jobs.get_run(run_id).tasks or []

    def read(offset: int) -> dict[str, Any]:
        path = f"/api/local/task-log?run_id={task.run_id}&offset={offset}&limit=1"
        status, part = client.http("GET", path)
        assert status == 200
        return dict(part)

    wait_until(lambda: read(0)["rest"] == "wait ", "the unfinished line")
    first = read(0)
    assert (first["text"], first["next_offset"], first["is_final"]) == ("hello\n", 6, False)
    (tmp_path / "bundle" / "go").touch()
    client.finish(run_id)
    assert read(6) == {
        "text": "wait over\n",
        "rest": "",
        "offset": 6,
        "next_offset": 16,
        "is_final": True,
        "line": 2,
    }
    assert client.http("POST", "/api/local/task-log")[0] == 404


def test_simulated_job_takes_the_time_and_result_of_its_tag(serve: Serve) -> None:
    clock = ManualClock()
    job = simulated_job(
        simulated_task("a"),
        {"task_key": "b", "dbt_task": {"commands": ["dbt run"]}},
        {"task_key": "c", "spark_python_task": {"python_file": "/played.py"}},
        seconds=2,
        output="done",
        tasks={
            "b": {"seconds": [3, 4]},
            "c": {"result": "FAILED", "error": "ValueError: no rows", "values": {"n": 1}},
        },
    )
    client = serve({"etl": job}, clock=clock)
    run_id = client.start("etl")
    clock.advance(2)
    assert task_results(client.jobs.get_run(run_id)) == {"a": "SUCCESS", "b": None, "c": "FAILED"}
    clock.advance(0.9)
    assert task_results(client.jobs.get_run(run_id))["b"] is None
    clock.advance(1.1)
    run = client.jobs.get_run(run_id)
    assert task_results(run)["b"] == "SUCCESS"
    outputs = client.outputs(run)
    assert outputs["a"].notebook_output is not None
    assert outputs["a"].notebook_output.result == "done"
    assert outputs["c"].logs == "done"
    assert outputs["c"].error == "ValueError: no rows"


def test_volume_path_is_a_folder_of_the_workspace(serve: Serve, tmp_path: Path) -> None:
    code = """
        import sys, pathlib
        pathlib.Path(sys.argv[1], 'x').write_text('kept')
    """
    job = {"tasks": [python_task("main", "main.py", "/Volumes/main/default/flights")]}
    client = serve({"etl": job}, {"main.py": code})
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is None, output.error_trace
    assert (tmp_path / "folder/volumes/main/default/flights/x").read_text() == "kept"


def test_workspace_path_of_a_bundle_file_is_readable(serve: Serve) -> None:
    job = {
        "parameters": [{"name": "seeds", "default": "${workspace.file_path}/conf/day.txt"}],
        "environment_variables": [
            {
                "environment_variables_key": "paths",
                "spec": {"variables": {"CONF": "${workspace.file_path}/conf"}},
            }
        ],
        "tasks": [
            python_task(
                "main",
                "main.py",
                "--file=${workspace.root_path}/files/conf/day.txt",
                "{{job.parameters.seeds}}",
                "${workspace.file_path}-old",
                environment_variables_key="paths",
            )
        ],
    }
    code = """
        import os, sys
        print(open(sys.argv[1].removeprefix("--file=")).read(), open(sys.argv[2]).read())
        print(os.listdir(os.environ["CONF"]), sys.argv[3].endswith("/files-old"))
    """
    client = serve({"etl": job}, {"main.py": code, "conf/day.txt": "Monday"})
    assert client.outputs(client.run("etl"))["main"].logs == ("Monday Monday\n['day.txt'] True\n")


@pytest.mark.parametrize("folder", ["", "inner/deep/"])
def test_git_source_files_are_those_of_the_bundle(serve: Serve, folder: str) -> None:
    """The repository is not cloned: a missing file names it."""
    job = {
        "git_source": {"git_url": "https://example.com/a.git", "git_provider": "gitHub"},
        "tasks": [python_task("main", f"{folder}main.py"), python_task("none", "nowhere.py")],
    }
    client = serve({"etl": job}, {f"{folder}main.py": "print('found')"})
    run = client.run("etl")
    assert client.outputs(run)["main"].logs == "found\n"
    (_, missing) = run.tasks or []
    assert missing.state is not None
    assert "Check https://example.com/a.git out around the bundle" in (
        missing.state.state_message or ""
    )
