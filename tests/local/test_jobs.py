"""Jobs that are made through the API, and the bundle's, edited while the workspace runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, InvalidState, ResourceDoesNotExist
from databricks.sdk.service.jobs import (
    JobParameterDefinition,
    JobSettings,
    NotebookTask,
    SparkPythonTask,
    SubmitTask,
    Task,
)

from flask_lakeflow_jobs.local import Workspace
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    python_task,
    simulated_job,
    simulated_task,
    task_results,
    write_bundle,
)

SIMULATED = {"local_simulation": "{}"}


def task(key: str) -> Task:
    return Task(task_key=key, notebook_task=NotebookTask(notebook_path="/simulated"))


def wheel(body: dict[str, Any]) -> dict[str, Any]:
    return {"task_key": "a", "python_wheel_task": body}


def loop(inner: Any, **more: Any) -> dict[str, Any]:
    return {"task_key": "a", "for_each_task": {"inputs": "[]", "task": inner, **more}}


@pytest.fixture
def client(serve: Serve) -> Client:
    return serve({"etl": simulated_job(simulated_task("main"))}, {"main.py": "print('hello')"})


def names(client: Client) -> list[str | None]:
    return [job.settings.name for job in client.jobs.list() if job.settings]


def test_create_run_and_delete(client: Client) -> None:
    job_id = client.jobs.create(name="mine", tasks=[task("a")], tags=SIMULATED).job_id
    assert job_id is not None
    assert names(client) == ["mine", "etl"]
    assert [job.job_id for job in client.jobs.list(name="MINE")] == [job_id]
    job = client.jobs.get(job_id)
    assert job.settings is not None
    assert (job.settings.max_concurrent_runs, job.settings.queue) == (1, job.settings.queue)
    assert job.settings.queue is not None
    assert job.settings.queue.enabled is True
    run = client.finish(client.jobs.run_now(job_id).bind()["run_id"])
    assert task_results(run) == {"a": "SUCCESS"}
    client.jobs.delete(job_id)
    with pytest.raises(ResourceDoesNotExist):
        client.jobs.get(job_id)
    assert names(client) == ["etl"]
    assert run.run_id is not None
    assert client.jobs.get_run(run.run_id).job_id == job_id


def test_what_is_not_said_is_filled_in(client: Client) -> None:
    made = client.jobs.create(tasks=[task("a")]).job_id
    for job_id in (made, client.job_ids["etl"]):
        _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")
        settings = job["settings"]
        (only,) = settings["tasks"]
        assert {
            key: settings[key]
            for key in ("email_notifications", "webhook_notifications", "timeout_seconds", "format")
        } == {
            "email_notifications": {},
            "webhook_notifications": {},
            "timeout_seconds": 0,
            "format": "MULTI_TASK",
        }
        assert settings["max_concurrent_runs"] == 1
        assert (only["run_if"], only["timeout_seconds"]) == ("ALL_SUCCESS", 0)
        assert only["email_notifications"] == {}
    _, listed = client.http("GET", "/api/2.2/jobs/list")
    assert [job["settings"]["timeout_seconds"] for job in listed["jobs"]] == [0, 0]
    assert not any("tasks" in job["settings"] for job in listed["jobs"])


def test_numbers_and_truth_values_may_come_as_text(client: Client) -> None:
    inner = {**simulated_task("inner"), "max_retries": "2"}
    tasks = [
        {
            **simulated_task("a"),
            "timeout_seconds": "60",
            "max_retries": "-1",
            "retry_on_timeout": "False",
        },
        {**loop(inner, concurrency="3"), "task_key": "b", "min_retry_interval_millis": "5"},
        {"task_key": "c", "run_job_task": {"job_id": str(client.job_ids["etl"])}},
    ]
    tasks[0]["notebook_task"] = {"notebook_path": "/x", "base_parameters": {"max_retries": "7"}}
    body: dict[str, Any] = {"tasks": tasks, "max_concurrent_runs": "5", "timeout_seconds": "3600"}
    body["queue"] = {"enabled": "False"}
    status, made = client.http("POST", "/api/2.1/jobs/create", body)
    assert status == 200, made
    change = {"job_id": str(made["job_id"]), "new_settings": {"timeout_seconds": "1800"}}
    assert client.http("POST", "/api/2.1/jobs/update", change) == (200, {})
    _, job = client.http("GET", f"/api/2.1/jobs/get?job_id={made['job_id']}")
    settings = job["settings"]
    first, second, third = settings["tasks"]
    assert (settings["max_concurrent_runs"], settings["timeout_seconds"]) == (5, 1800)
    assert settings["queue"] == {"enabled": False}
    assert (first["timeout_seconds"], first["max_retries"]) == (60, -1)
    assert first["retry_on_timeout"] is False
    assert first["notebook_task"]["base_parameters"] == {"max_retries": "7"}
    assert (second["min_retry_interval_millis"], second["for_each_task"]["concurrency"]) == (5, 3)
    assert second["for_each_task"]["task"]["max_retries"] == 2
    assert third["run_job_task"]["job_id"] == client.job_ids["etl"]
    for wrong in ("soon", "1.5", "٣", "1" * 20):
        status, error = client.http(
            "POST", "/api/2.1/jobs/create", {**body, "timeout_seconds": wrong}
        )
        assert status == 400
        assert error["message"].startswith("'timeout_seconds' has to be a number")


def test_reset_keeps_as_whom_a_job_runs(client: Client) -> None:
    run_as = {"user_name": "somebody@example.com"}
    body = {"tasks": [simulated_task("a")], "run_as": run_as, "tags": SIMULATED}
    _, made = client.http("POST", "/api/2.2/jobs/create", body)
    new = {"job_id": made["job_id"], "new_settings": {"tasks": [simulated_task("b")]}}
    assert client.http("POST", "/api/2.2/jobs/reset", new) == (200, {})
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={made['job_id']}")
    assert (job["settings"]["run_as"], "tags" in job["settings"]) == (run_as, False)


def test_update_merges_by_key(client: Client) -> None:
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
    assert settings.name == "renamed"
    assert settings.timeout_seconds == 0
    assert [each.task_key for each in settings.tasks or []] == ["b", "c"]
    assert (settings.tasks or [])[0].notebook_task == changed.notebook_task
    client.jobs.reset(job_id, new_settings=JobSettings(tasks=[task("z")]))
    settings = client.jobs.get(job_id).settings
    assert settings is not None
    assert [each.task_key for each in settings.tasks or []] == ["z"]
    assert (settings.name, settings.parameters, settings.tags) == ("renamed", [], None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "The job has no tasks. List at least one under 'tasks'."),
        ({"tasks": [{"task_key": "a"}]}, "Task 'a' has no kind."),
        (
            {"tasks": [simulated_task("a", "a")]},
            "The tasks depend on each other in a circle: a -> a.",
        ),
        (
            {"tasks": [simulated_task("a")], "max_concurrent_runs": 1001},
            "'max_concurrent_runs' has to be",
        ),
        ({"tasks": [simulated_task("a")], "timeout_seconds": -1}, "'timeout_seconds' has to be"),
        ({"tasks": [simulated_task("a")], "name": 5}, "The name of a job has to be a text."),
        (
            {"tasks": [simulated_task("a", max_retries="x")]},
            "'max_retries' of task 'a' has to be a number",
        ),
        (
            {"tasks": [simulated_task("a", timeout_seconds=True)]},
            "'timeout_seconds' of task 'a' has to be",
        ),
        ({"tasks": [simulated_task("a")], "tags": []}, "'tags' has to be a mapping."),
        (
            {"tasks": [simulated_task("a")], "tags": {"local_simulation": "[]"}},
            "The tag 'local_simulation' must",
        ),
        ({"tasks": [wheel({"entry_point": "x"})]}, "The python_wheel_task of task 'a' needs a 'pa"),
        (
            {"tasks": [wheel({"package_name": "x", "entry_point": "x", "parameters": "x"})]},
            "'parameters' of task 'a' is of the wrong type.",
        ),
        ({"tasks": [loop(5)]}, "A task has to be a mapping with a 'task_key'."),
        (
            {"tasks": [loop(loop(simulated_task("a")))]},
            "The for_each_task of task 'a' cannot hold another",
        ),
        (
            {"tasks": [loop(simulated_task("a"), concurrency=0)]},
            "'concurrency' of task 'a' has to be a",
        ),
        ({"tasks": [simulated_task("a")], "parameters": [{}]}, "'parameters' has to be a list of"),
        (
            simulated_job(simulated_task("a"), result="GREAT"),
            "The result of the tag 'local_simulation' must be",
        ),
        (
            simulated_job(simulated_task("a"), seconds="long"),
            "The seconds of the tag 'local_simulation' must",
        ),
        (
            simulated_job(simulated_task("a"), minutes=1),
            "The fields of the tag 'local_simulation' are",
        ),
        (
            {"tasks": [simulated_task("a")], "tags": {"local_simulation": "{"}},
            "The tag 'local_simulation' is not valid",
        ),
        (
            {"tasks": [{"task_key": "a", "for_each_task": {"inputs": "[]"}}]},
            "The for_each_task of task 'a' needs 'inputs' and a 'task'.",
        ),
    ],
)
def test_settings_that_cannot_run(client: Client, settings: dict[str, Any], message: str) -> None:
    for path, body in (
        ("create", settings),
        ("runs/submit", settings),
        (
            "reset",
            {"job_id": client.jobs.create(tasks=[task("a")]).job_id, "new_settings": settings},
        ),
    ):
        status, answer = client.http("POST", f"/api/2.2/jobs/{path}", body)
        assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), path
        assert answer["message"].startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"job_clusters": 5}, "Expected array for field job_clusters, found NUMBER"),
        ({"queue": True}, "Expected object for field queue, found BOOLEAN"),
        ({"environments": 5}, "Expected array for field environments, found NUMBER"),
        (
            {"environments": [{"environment_key": "d", "spec": "x"}]},
            "Expected object for field environments.spec, found STRING",
        ),
        (
            {"tasks": [simulated_task("a", libraries="x")]},
            "Expected array for field tasks.libraries, found STRING",
        ),
        (
            {
                "tasks": [
                    {"task_key": "a", "for_each_task": {"inputs": [1], "task": simulated_task("b")}}
                ]
            },
            "Expected string for field tasks.for_each_task.inputs, found ARRAY",
        ),
    ],
)
def test_settings_of_the_wrong_type(client: Client, settings: dict[str, Any], message: str) -> None:
    made = client.jobs.create(tasks=[task("a")]).job_id
    body = {"tasks": [simulated_task("a")], **settings}
    for path, request in (
        ("create", body),
        ("runs/submit", body),
        ("reset", {"job_id": made, "new_settings": body}),
        ("update", {"job_id": made, "new_settings": settings}),
    ):
        status, answer = client.http("POST", f"/api/2.2/jobs/{path}", request)
        assert (status, answer["error_code"]) == (400, "MALFORMED_REQUEST"), path
        assert answer["message"] == f"Could not parse request object: {message}"
    assert names(client) == ["Untitled", "etl"]


def test_null_is_as_if_it_were_not_said(client: Client) -> None:
    text = {"notebook_path": "/x", "base_parameters": {"day": None}}
    tasks = [{"task_key": "a", "depends_on": None, "run_if": None, "notebook_task": text}]
    body = {"tasks": tasks, "tags": {"a": "b"}, "queue": None}
    _, made = client.http("POST", "/api/2.2/jobs/create", body)
    change = {**made, "new_settings": {"tags": None, "timeout_seconds": 5}}
    assert client.http("POST", "/api/2.2/jobs/update", change) == (200, {})
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={made['job_id']}")
    settings = job["settings"]
    assert (settings["queue"], settings["tags"]) == ({"enabled": True}, {"a": "b"})
    assert settings["timeout_seconds"] == 5
    (only,) = settings["tasks"]
    assert (only["run_if"], "depends_on" in only) == ("ALL_SUCCESS", False)
    assert only["notebook_task"] == text


def test_jobs_of_the_bundle_are_changed_in_the_bundle(client: Client) -> None:
    job_id = client.job_ids["etl"]
    refusal = r"is defined by the bundle\. .* it in .*\.yml\."
    with pytest.raises(InvalidState, match=refusal):
        client.jobs.update(job_id, new_settings=JobSettings(name="x"))
    with pytest.raises(InvalidState, match=refusal):
        client.jobs.reset(job_id, new_settings=JobSettings(tasks=[task("z")]))
    with pytest.raises(InvalidState, match=refusal):
        client.jobs.delete(job_id)


def test_submit(client: Client) -> None:
    file = Path(client.sdk.config.host or "").name  # any text: the file is looked for at run time
    missing = SubmitTask(task_key="b", spark_python_task=SparkPythonTask(python_file=file))
    present = SubmitTask(task_key="a", spark_python_task=SparkPythonTask(python_file="main.py"))
    waiter = client.jobs.submit(
        run_name="once", tasks=[present, missing], idempotency_token="token"
    )
    again = client.jobs.submit(run_name="once", tasks=[present], idempotency_token="token")
    run_id = waiter.bind()["run_id"]
    assert again.bind()["run_id"] == run_id
    run = client.finish(run_id)
    assert (run.run_name, run.run_type and run.run_type.value) == ("once", "SUBMIT_RUN")
    assert task_results(run) == {"a": "SUCCESS", "b": "FAILED"}
    assert client.outputs(run)["a"].logs == "hello\n"
    assert "There is no file" in (client.outputs(run)["b"].error or "")


def test_jobs_outlive_the_workspace(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    with Workspace(path, tmp_path / "folder") as address:
        first = Client(address, {})
        job_id = first.jobs.create(name="mine", tasks=[task("a")], tags=SIMULATED).job_id
        assert job_id is not None
        run_id = first.jobs.run_now(job_id).bind()["run_id"]
        run = first.finish(run_id)
    with Workspace(path, tmp_path / "folder") as address:
        second = Client(address, {})
        assert names(second) == ["mine", "etl"]
        assert second.jobs.get_run(run_id).as_dict() == run.as_dict()
        assert [each.run_id for each in second.jobs.list_runs(job_id=job_id)] == [run_id]


def edit(path: Path, old: str, new: str) -> None:
    """Change a file so that the change shows even within one tick of the file system's clock."""
    before = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_edits_of_the_bundle_are_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    jobs = {"etl": {"name": "old", "tasks": [python_task("main")]}}
    path = write_bundle(tmp_path, jobs, {"main.py": ""})
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        assert names(client) == ["old"]
        edit(path, "name: old", "name: new")
        assert names(client) == ["new"]
        edit(path, "main.py", "none.py")
        assert names(client) == ["new"]
        assert names(client) == ["new"]
        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == 1
        assert "databricks.yml:10: There is no file 'none.py'" in messages[0]
        edit(path, "none.py", "main.py")
        edit(path, "name: new", "name: newest")
        assert names(client) == ["newest"]
        assert len(caplog.records) == 1


EXTRA = "resources: {jobs: {extra: {tasks: [{task_key: a, run_job_task: {job_id: 1}}]}}}"


@pytest.mark.parametrize("pattern", ["jobs/*.yml", "jobs/*/*.yml", "*/deep/*.yml"])
def test_new_included_file_is_seen(tmp_path: Path, pattern: str) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    edit(path, "bundle:", f"include: ['{pattern}']\nbundle:")
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        assert names(client) == ["etl"]
        extra = tmp_path / pattern.replace("*/", "jobs/").replace("*", "extra")
        for folder in (*reversed(extra.relative_to(tmp_path).parents[:-1]),):
            (tmp_path / folder).mkdir()
            assert names(client) == ["etl"]
        extra.write_text(EXTRA)
        assert names(client) == ["etl", "extra"]
        with pytest.raises(InvalidParameterValue, match="Job 1 does not exist"):
            client.jobs.run_now(1)


def test_a_new_file_that_is_mended_is_seen(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path, {"etl": simulated_job(simulated_task("main"))}, {"jobs/empty.yml": ""}
    )
    edit(path, "bundle:", "include: ['jobs/*.yml']\nbundle:")
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        extra = tmp_path / "jobs" / "extra.yml"
        extra.write_text(EXTRA.replace("job_id: 1", "job_id: {{job.id}}"))
        assert names(client) == ["etl"]
        edit(extra, "{{job.id}}", "1")
        assert names(client) == ["etl", "extra"]
