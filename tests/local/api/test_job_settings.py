"""Settings of jobs: read from requests, updated, and completed for responses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.api.job_settings import (
    complete_settings,
    parse_settings,
    update_settings,
)
from flask_lakeflow_jobs.local.errors import ApiError, InvalidParameterValue, MalformedRequest
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS
from tests.local.support import Client, simulated_job, simulated_task

NOTEBOOK = {"notebook_path": "/simulated"}
CLUSTER = {"existing_cluster_id": "0717-132531-5opeqon1"}
SINGLE = {
    "notebook_task": NOTEBOOK,
    **CLUSTER,
    "libraries": [{"pypi": {"package": "six"}}],
    "max_retries": 1,
    "timeout_seconds": 60,
}
#: What the service sets in each task without a value for it.
TASK_DEFAULTS = {"email_notifications": {}, "run_if": "ALL_SUCCESS", "timeout_seconds": 0}


def parse(*tasks: Any, **settings: Any) -> dict[str, Any]:
    """Read settings of a job with these tasks, or with one simulated task."""
    return parse_settings({"tasks": list(tasks) or [simulated_task("a")], **settings}, "etl")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "The job has no tasks. List at least one under 'tasks'."),
        (
            {**SINGLE, "spark_python_task": {"python_file": "main.py"}},
            "Task 'etl' has 2 kinds (",
        ),
        (simulated_job(simulated_task("a", "a")), "The tasks depend on each other in a circle: a"),
    ],
)
def test_parse_settings_that_cannot_run_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterValue) as error:
        parse_settings(settings, "etl")
    assert error.value.message.startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queue": True}, "Expected object for field queue, found BOOLEAN"),
        (
            {"environments": [{"environment_key": "d", "spec": "x"}]},
            "Expected object for field environments.spec, found STRING",
        ),
        (
            {"tasks": [simulated_task("a", libraries="x")]},
            "Expected array for field tasks.libraries, found STRING",
        ),
        ({"queue": {"enabled": "x"}}, "Expected boolean for field queue.enabled, found STRING"),
        ({"description": {}}, "Expected string for field description, found OBJECT"),
        (
            {"performance_target": {}},
            "Expected string for field performance_target, found OBJECT",
        ),
        (
            {"schedule": {"timezone_id": [], "quartz_cron_expression": "0 0 0 * * ?"}},
            "Expected string for field schedule.timezone_id, found ARRAY",
        ),
        (
            {"tasks": [{"task_key": "a", "notebook_task": {**NOTEBOOK, "source": {}}}]},
            "Expected string for field tasks.notebook_task.source, found OBJECT",
        ),
        (
            {"tasks": [simulated_task("a", retry_on_timeout=0)]},
            "Expected boolean for field tasks.retry_on_timeout, found NUMBER",
        ),
    ],
)
def test_field_of_another_type_is_malformed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedRequest) as error:
        parse(**settings)
    assert error.value.message == f"Could not parse request object: {message}"
    with pytest.raises(MalformedRequest) as error:
        update_settings(parse(name="etl"), settings, [])
    assert error.value.message == f"Could not parse request object: {message}"


def test_parse_settings_ignores_null_and_fields_of_the_request() -> None:
    body = {"notebook_path": "/x", "base_parameters": {"day": None}}
    task = {"task_key": "a", "depends_on": None, "run_if": None, "notebook_task": body}
    assert parse(task, queue=None, idempotency_token="t", access_control_list=[]) == {
        "tasks": [{"task_key": "a", "notebook_task": body}],
        "format": "MULTI_TASK",
    }


def test_parse_settings_converts_numbers_and_booleans_from_text() -> None:
    body = {**NOTEBOOK, "base_parameters": {"max_retries": "7"}}
    settings = parse(
        {"task_key": "a", "notebook_task": body, "max_retries": "-1", "retry_on_timeout": "False"},
        timeout_seconds="3600",
        queue={"enabled": "False"},
    )
    (task,) = settings["tasks"]
    assert (settings["timeout_seconds"], settings["queue"]) == (3600, {"enabled": False})
    assert (task["max_retries"], task["retry_on_timeout"]) == (-1, False)
    assert task["notebook_task"] == body


@pytest.mark.parametrize("text", ["soon", "1.5", "٣", "1" * 20])
def test_parse_settings_refuses_other_text_for_a_number(text: str) -> None:
    with pytest.raises(ApiError, match=r"^'timeout_seconds' has to be a number"):
        parse(timeout_seconds=text)


@pytest.mark.parametrize("format_of_request", [{}, {"format": "MULTI_TASK"}])
def test_parse_settings_without_tasks_is_a_job_of_one_task(
    format_of_request: dict[str, Any],
) -> None:
    settings = parse_settings({**SINGLE, **format_of_request}, "my job")
    assert settings == {
        "format": "SINGLE_TASK",
        "timeout_seconds": 60,
        "tasks": [
            {
                "task_key": "my_job",
                "notebook_task": NOTEBOOK,
                **CLUSTER,
                "libraries": SINGLE["libraries"],
                "max_retries": 1,
            }
        ],
    }


def test_parse_settings_with_tasks_ignores_the_format() -> None:
    assert parse(format="SINGLE_TASK")["format"] == "MULTI_TASK"


@given(
    kind=st.sampled_from(["notebook_task", "spark_python_task", "run_job_task"]),
    retries=st.integers(-1, 5),
    name=st.text(max_size=120),
)
def test_version_2_0_shows_the_single_task_format_as_sent(
    kind: str, retries: int, name: str
) -> None:
    bodies = {
        "notebook_task": NOTEBOOK,
        "spark_python_task": {"python_file": "main.py"},
        "run_job_task": {"job_id": 7},
    }
    fields = {kind: bodies[kind], **CLUSTER, "max_retries": retries, "timeout_seconds": 60}
    settings = parse_settings(fields, name)
    shown = complete_settings(settings, "2.0")
    assert shown.items() >= fields.items()
    assert (shown["format"], "tasks" in shown) == ("SINGLE_TASK", False)
    for version in ("2.1", "2.2"):
        shown = complete_settings(settings, version)
        (task,) = shown["tasks"]
        assert not TASK_KINDS.keys() & shown.keys()
        assert task == {**TASK_DEFAULTS, **settings["tasks"][0]}


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_complete_settings_adds_defaults(version: str) -> None:
    assert complete_settings(parse(), version) == {
        "email_notifications": {},
        "webhook_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": 1,
        "format": "MULTI_TASK",
        "tasks": [{**TASK_DEFAULTS, **simulated_task("a")}],
    }


def test_update_settings_merges_lists_by_key() -> None:
    settings = parse(
        simulated_task("a"), simulated_task("b"), name="old", timeout_seconds=7, tags={"a": "b"}
    )
    other = {"task_key": "b", "notebook_task": {"notebook_path": "/other"}}
    changes: dict[str, Any] = {
        "name": "new",
        "tags": None,
        "tasks": [other, simulated_task("c")],
        "parameters": [{"name": "day", "default": "1"}],
        "triggers": [{"periodic": {}}],
    }
    updated = update_settings(settings, changes, ["tasks/a", "timeout_seconds"])
    assert updated == {
        "name": "new",
        "format": "MULTI_TASK",
        "tags": {"a": "b"},
        "tasks": [other, simulated_task("c")],
        "parameters": [{"name": "day", "default": "1"}],
        "triggers": [{"periodic": {}}],
    }
    assert [task["task_key"] for task in settings["tasks"]] == ["a", "b"]


@pytest.mark.parametrize("item", [{"default": "1"}, 1])
def test_update_settings_refuses_items_without_their_key(item: Any) -> None:
    with pytest.raises(InvalidParameterValue, match=r"^Each item needs a 'name'\.$"):
        update_settings(parse(name="etl"), {"parameters": [item]}, [])


def test_update_settings_keeps_or_leaves_the_single_task_format() -> None:
    single = parse_settings({**SINGLE, "name": "x"}, "x")
    assert update_settings(single, {"name": "y"}, [])["format"] == "SINGLE_TASK"
    script = {"spark_python_task": {"python_file": "main.py"}}
    replaced = update_settings(single, {"name": "y", **script}, [])
    assert (replaced["name"], replaced["timeout_seconds"]) == ("y", 60)
    assert replaced["tasks"] == [{"task_key": "x", **script}]
    several = update_settings(single, {"tasks": [simulated_task("b")]}, [])
    assert several["format"] == "MULTI_TASK"
    assert [task["task_key"] for task in several["tasks"]] == ["x", "b"]


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
def test_single_task_format_is_accepted_under_every_version(client: Client, version: str) -> None:
    root = f"/api/{version}/jobs"
    _, created = client.http("POST", f"{root}/create", {"name": "my job", **SINGLE})
    job_id = created["job_id"]
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")
    assert job["settings"] == complete_settings(
        {**parse_settings(SINGLE, "my job"), "name": "my job"}
        | ({"queue": {"enabled": True}} if version == "2.2" else {}),
        "2.2",
    )
    change = {"job_id": job_id, "new_settings": {"spark_python_task": {"python_file": "main.py"}}}
    assert client.http("POST", f"{root}/update", change) == (200, {})
    reset = {"job_id": job_id, "new_settings": SINGLE}
    assert client.http("POST", f"{root}/reset", reset) == (200, {})
    _, listed = client.http("GET", "/api/2.0/jobs/list")
    _, job = client.http("GET", f"/api/2.0/jobs/get?job_id={job_id}")
    found = next(each["settings"] for each in listed["jobs"] if each["job_id"] == job_id)
    for settings in (job["settings"], found):
        assert settings.items() >= SINGLE.items()
        assert (settings["name"], "tasks" in settings) == ("my job", False)
