"""Endpoints of jobs, through the SDK."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, InvalidState, ResourceDoesNotExist
from databricks.sdk.service.jobs import JobParameterDefinition, JobSettings, NotebookTask, Task

from tests.local.support import Client, call_at_once, job_names, simulated_task, task_results
from tests.support import needs_newer_sdk

SIMULATED = {"local_simulation": "{}"}


def task(key: str) -> Task:
    return Task(task_key=key, notebook_task=NotebookTask(notebook_path="/simulated"))


@needs_newer_sdk
def test_created_job_is_listed_run_and_deleted(client: Client) -> None:
    job_id = client.jobs.create(name="mine", tasks=[task("a")], tags=SIMULATED).job_id
    assert job_id is not None
    assert job_names(client) == ["mine", "etl"]
    job = client.jobs.get(job_id)
    assert job.settings is not None
    assert job.settings.max_concurrent_runs == 1
    assert job.settings.queue is not None
    assert job.settings.queue.enabled is True
    run = client.finish(client.jobs.run_now(job_id).bind()["run_id"])
    assert task_results(run) == {"a": "SUCCESS"}
    client.jobs.delete(job_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(job_id)
    assert job_names(client) == ["etl"]
    assert run.run_id is not None
    assert client.jobs.get_run(run.run_id).job_id == job_id


def test_created_job_may_get_its_tasks_later(client: Client) -> None:
    """Deployments create jobs without tasks (databricks/cli, acceptance/bundle)."""
    job_id = client.jobs.create().job_id
    assert job_id is not None
    settings = client.jobs.get(job_id).settings
    assert settings is not None
    assert (settings.name, settings.tasks) == ("Untitled", [])
    with pytest.raises(InvalidParameterValue, match=f"^Job {job_id} has no tasks"):
        client.jobs.run_now(job_id)
    client.jobs.update(job_id, new_settings=JobSettings(tasks=[task("a")], tags=SIMULATED))
    assert task_results(client.finish(client.jobs.run_now(job_id).bind()["run_id"]))
    client.jobs.reset(job_id, JobSettings(name="empty"))
    client.jobs.update(job_id, fields_to_remove=["name"])
    status, job = client.http("GET", f"/api/2.0/jobs/get?job_id={job_id}")
    assert (status, job["settings"]["name"], "tasks" in job["settings"]) == (200, "Untitled", False)


@pytest.mark.parametrize(
    "run_as", [{"user_name": "b@example.com"}, {"service_principal_name": "b@example.com"}]
)
def test_job_keeps_what_a_deployment_sets(client: Client, run_as: dict[str, str]) -> None:
    fields = {
        "name": "[dev] mine",
        "deployment": {"kind": "BUNDLE", "metadata_file_path": "/Workspace/state/metadata.json"},
        "edit_mode": "UI_LOCKED",
        "parent_path": "/Workspace/Users/b@example.com",
        "tags": {"dev": "b"},
        "run_as": run_as,
    }
    job_id = client.http("POST", "/api/2.2/jobs/create", fields)[1]["job_id"]
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")
    assert job["settings"].items() >= fields.items()
    assert job["run_as_user_name"] == "b@example.com"


def test_list_finds_a_name_in_any_case(client: Client) -> None:
    assert [job.job_id for job in client.jobs.list(name="ETL")] == [client.job_ids["etl"]]
    assert client.http("GET", "/api/2.2/jobs/list?name=other") == (200, {})


def test_created_and_bundle_jobs_have_the_same_defaults(client: Client) -> None:
    created = client.jobs.create(tasks=[task("a")]).job_id
    for job_id in (created, client.job_ids["etl"]):
        _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")
        assert (
            job["settings"].items()
            >= {
                "email_notifications": {},
                "webhook_notifications": {},
                "timeout_seconds": 0,
                "format": "MULTI_TASK",
            }.items()
        )
        (only,) = job["settings"]["tasks"]
        defaults = {"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": {}}
        assert only.items() >= defaults.items()
    _, listed = client.http("GET", "/api/2.2/jobs/list")
    assert [job["settings"]["timeout_seconds"] for job in listed["jobs"]] == [0, 0]
    assert not any("tasks" in job["settings"] for job in listed["jobs"])


def test_update_and_reset_through_the_sdk(client: Client) -> None:
    job_id = client.jobs.create(
        name="mine", tasks=[task("a"), task("b")], tags=SIMULATED, timeout_seconds=7
    ).job_id
    assert job_id is not None
    changed = Task(task_key="b", notebook_task=NotebookTask(notebook_path="/other"))
    client.jobs.update(
        job_id,
        new_settings=JobSettings(
            name="renamed",
            tasks=[changed, task("c")],
            parameters=[JobParameterDefinition(name="day", default="1")],
        ),
        fields_to_remove=["tasks/a", "timeout_seconds"],
    )
    settings = client.jobs.get(job_id).settings
    assert settings is not None
    assert (settings.name, settings.timeout_seconds) == ("renamed", 0)
    assert [each.task_key for each in settings.tasks or []] == ["b", "c"]
    assert (settings.tasks or [])[0].notebook_task == changed.notebook_task
    client.jobs.reset(job_id, new_settings=JobSettings(tasks=[task("z")]))
    settings = client.jobs.get(job_id).settings
    assert settings is not None
    assert [each.task_key for each in settings.tasks or []] == ["z"]
    assert (settings.name, settings.parameters, settings.tags) == ("renamed", [], None)


def test_updates_at_once_all_count(client: Client) -> None:
    job_id = client.jobs.create(tags=SIMULATED).job_id
    assert job_id is not None
    updates = [JobSettings(tasks=[task(f"t{number}")]) for number in range(40)]
    call_at_once(partial(client.jobs.update, job_id, new_settings=each) for each in updates)
    settings = client.jobs.get(job_id).settings
    assert settings is not None
    assert {each.task_key for each in settings.tasks or []} == {f"t{n}" for n in range(40)}


def test_reset_keeps_run_as(client: Client) -> None:
    run_as = {"user_name": "somebody@example.com"}
    body = {"tasks": [simulated_task("a")], "run_as": run_as, "tags": SIMULATED}
    _, created = client.http("POST", "/api/2.2/jobs/create", body)
    reset = {"job_id": created["job_id"], "new_settings": {"tasks": [simulated_task("b")]}}
    assert client.http("POST", "/api/2.2/jobs/reset", reset) == (200, {})
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={created['job_id']}")
    assert (job["settings"]["run_as"], "tags" in job["settings"]) == (run_as, False)


@pytest.mark.parametrize("fields", [{}, {"new_settings": None}])
def test_reset_without_settings_is_refused(client: Client, fields: dict[str, None]) -> None:
    """The SDK for Java lets a program leave them out. It would lose the tasks of the job."""
    job_id = client.jobs.create(tasks=[task("a")]).job_id
    status, error = client.http("POST", "/api/2.2/jobs/reset", {"job_id": job_id, **fields})
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert error["message"] == "Missing required field: new_settings"
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")
    assert [each["task_key"] for each in job["settings"]["tasks"]] == ["a"]


@pytest.mark.parametrize("path", ["create", "runs/submit", "reset", "update"])
@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"timeout_seconds": -1}, "INVALID_PARAMETER_VALUE", "'timeout_seconds' has to be"),
        ({"queue": True}, "MALFORMED_REQUEST", "Could not parse request object: Expected object"),
        (
            {"tasks": [{"task_key": "a", "run_job_task": {}}]},
            "INVALID_PARAMETER_VALUE",
            "The run_job_task of task 'a' needs 'job_id'.",
        ),
        ({"timeout_seconds": 10**400}, "INVALID_PARAMETER_VALUE", "'timeout_seconds' has to be"),
    ],
)
def test_invalid_settings_are_refused(
    client: Client, path: str, settings: dict[str, Any], code: str, message: str
) -> None:
    created = client.jobs.create(tasks=[task("a")]).job_id
    body = {"tasks": [simulated_task("a")], **settings}
    if path in ("reset", "update"):
        body = {"job_id": created, "new_settings": body}
    status, error = client.http("POST", f"/api/2.2/jobs/{path}", body)
    assert (status, error["error_code"]) == (400, code)
    assert error["message"].startswith(message)
    assert job_names(client) == ["Untitled", "etl"]
    assert list(client.jobs.list_runs()) == []


def test_bundle_jobs_cannot_be_changed_or_deleted(client: Client) -> None:
    job_id = client.job_ids["etl"]
    message = r"is defined by the bundle\. .* it in .*\.yml\."
    with pytest.raises(InvalidState, match=message):
        client.jobs.update(job_id, new_settings=JobSettings(name="x"))
    with pytest.raises(InvalidState, match=message):
        client.jobs.reset(job_id, new_settings=JobSettings(tasks=[task("z")]))
    with pytest.raises(InvalidState, match=message):
        client.jobs.delete(job_id)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("get", "Missing required field: job_id"),
        ("get?job_id=7", "Job 7 does not exist."),
        ("list?limit=101", "Invalid limit 101 - it has to be no more than 100."),
        ("list?page_token=W10=", "Invalid page token 'W10='."),
        ("list?offset=1001", "The supplied offset 1001 has exceeded the value of 1000 allowed"),
    ],
)
def test_invalid_query_is_refused(client: Client, query: str, message: str) -> None:
    status, error = client.http("GET", f"/api/2.2/jobs/{query}")
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert error["message"].startswith(message)
