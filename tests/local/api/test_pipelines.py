"""Endpoints of pipelines, through the SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
from databricks.sdk.service.pipelines import FileLibrary, PipelineLibrary
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import ManualClock, Workspace
from flask_lakeflow_jobs.local.api.pipelines import is_like
from tests.local.support import Client, python_task, write_bundle

PIPELINES = {"gold": {"name": "Gold"}, "raw": {"catalog": "main"}}
PATH = "/api/2.0/pipelines"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with two pipelines."""
    path = write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, {"main.py": ""})
    content = yaml.safe_load(path.read_text())
    content["resources"]["pipelines"] = PIPELINES
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def client(bundle: Path, tmp_path: Path) -> Iterator[Client]:
    with Workspace(bundle, tmp_path / "folder", clock=ManualClock(1000.0)) as address:
        yield Client(address, {})


def create(client: Client, name: str, **more: Any) -> str:
    """Create a pipeline; return its id."""
    created = client.sdk.pipelines.create(name=name, **more)
    assert created.pipeline_id
    return created.pipeline_id


def names(client: Client) -> list[str | None]:
    return [each.name for each in client.sdk.pipelines.list_pipelines()]


def test_pipelines_of_the_bundle_are_found(client: Client) -> None:
    pipelines = client.sdk.pipelines
    listed = {each.pipeline_id: each.name for each in pipelines.list_pipelines()}
    assert listed == {"gold": "Gold", "raw": "raw"}
    found = pipelines.list_pipelines(filter="name LIKE '%ol%'")
    assert [each.pipeline_id for each in found] == ["gold"]
    assert list(pipelines.list_pipelines(filter="name LIKE 'ol'")) == []
    raw = pipelines.get("raw")
    assert raw.spec
    assert (raw.name, raw.spec.id, raw.spec.catalog) == ("raw", "raw", "main")
    with pytest.raises(NotFound, match=r"or define it under 'resources\.pipelines'"):
        pipelines.get("none")
    with pytest.raises(BadRequest, match="Filter pipelines by name"):
        list(pipelines.list_pipelines(filter="notebook='x'"))


def test_created_pipeline_is_kept_changed_and_deleted(bundle: Path, tmp_path: Path) -> None:
    libraries = [PipelineLibrary(file=FileLibrary(path="/Workspace/Users/me/a.py"))]
    clock = ManualClock(1000.0)
    with Workspace(bundle, tmp_path / "folder", clock=clock) as address:
        client = Client(address, {})
        pipeline_id = create(client, "etl", catalog="dev", libraries=libraries, continuous=False)
        created = client.sdk.pipelines.get(pipeline_id)
        assert created.spec
        assert created.spec.libraries == libraries
        assert (created.name, created.spec.id) == ("etl", pipeline_id)
        assert (created.spec.catalog, created.spec.continuous) == ("dev", False)
        assert (created.state and created.state.value, created.last_modified) == ("IDLE", 10**6)
    clock.advance(5)
    with Workspace(bundle, tmp_path / "folder", clock=clock) as address:
        client = Client(address, {})
        assert client.sdk.pipelines.get(pipeline_id).as_dict() == created.as_dict()
        assert names(client) == ["etl", "Gold", "raw"]
        client.sdk.pipelines.update(pipeline_id, name="new", configuration={"a": "1"})
        changed = client.sdk.pipelines.get(pipeline_id)
        assert changed.spec
        assert (changed.name, changed.spec.catalog) == ("new", None)
        assert not changed.spec.libraries
        assert (changed.spec.configuration, changed.last_modified) == ({"a": "1"}, 1005000)
        client.sdk.pipelines.delete(pipeline_id)
        assert names(client) == ["Gold", "raw"]
    with Workspace(bundle, tmp_path / "folder") as address:
        assert names(Client(address, {})) == ["Gold", "raw"]


def test_name_of_another_pipeline_is_taken_only_on_request(client: Client) -> None:
    pipelines = client.sdk.pipelines
    first = create(client, "etl")
    message = "The pipeline name 'etl' is already used by another pipeline. This check can be"
    for is_trial in (False, True):
        with pytest.raises(ResourceConflict, match=message):
            pipelines.create(name="etl", dry_run=is_trial)
    second = create(client, "etl", allow_duplicate_names=True)
    third = create(client, "other")
    pipelines.update(first, name="etl", catalog="dev")  # it has that name
    with pytest.raises(ResourceConflict, match=message):
        pipelines.update(third, name="etl")
    pipelines.update(third, name="etl", allow_duplicate_names=True)
    assert names(client) == ["etl", "etl", "etl", "Gold", "raw"]
    for each in (first, second, third):
        pipelines.delete(each)
    create(client, "etl")
    create(client, "Gold")  # so that the bundle can be deployed to its workspace


def test_pipeline_that_changed_meanwhile_is_not_replaced(client: Client) -> None:
    pipeline_id = create(client, "etl")
    with pytest.raises(ResourceConflict, match="was modified at 1000000, not at 999999"):
        client.sdk.pipelines.update(pipeline_id, name="new", expected_last_modified=999999)
    client.sdk.pipelines.update(pipeline_id, name="new", expected_last_modified=10**6)
    assert client.sdk.pipelines.get(pipeline_id).name == "new"


def test_dry_run_creates_no_pipeline(client: Client) -> None:
    found = client.sdk.pipelines.create(name="etl", catalog="dev", dry_run=True)
    assert found.pipeline_id is None
    assert found.effective_settings
    assert (found.effective_settings.name, found.effective_settings.catalog) == ("etl", "dev")
    assert names(client) == ["Gold", "raw"]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "message"),
    [
        ("POST", "gold/updates", {}, 400, "Start a job with a pipeline_task for 'Gold'."),
        ("POST", "none/updates", {}, 404, "The specified pipeline none was not found."),
        ("PUT", "gold", {"name": "x"}, 400, "Pipeline gold is defined by the bundle. Change it in"),
        ("DELETE", "gold", None, 400, "Pipeline gold is defined by the bundle. Delete it in"),
        ("PUT", "none", {}, 404, "The specified pipeline none was not found."),
        ("DELETE", "none", None, 404, "The specified pipeline none was not found."),
        ("PUT", "gold", {"name": []}, 400, "Expected string for field name, found ARRAY"),
    ],
)
def test_pipeline_that_cannot_be_changed_is_left(
    client: Client, method: str, path: str, body: Any, code: int, message: str
) -> None:
    status, error = client.http(method, f"{PATH}/{path}", body)
    assert status == code
    assert message in error["message"]
    assert names(client) == ["Gold", "raw"]


def test_permissions_of_a_pipeline_end_with_it(client: Client) -> None:
    pipeline_id = create(client, "etl")
    path = f"/api/2.0/permissions/pipelines/{pipeline_id}"
    me = client.sdk.current_user.me().user_name
    entries = [
        {"user_name": me, "permission_level": "IS_OWNER"},
        {"group_name": "team", "permission_level": "CAN_RUN"},
    ]
    status, granted = client.http("PUT", path, {"access_control_list": entries})
    assert (status, granted["object_id"]) == (200, f"/pipelines/{pipeline_id}")
    assert granted["object_type"] == "pipelines"
    assert client.http("GET", path) == (200, granted)
    status, error = client.http("PUT", path, {"access_control_list": entries[1:]})
    assert (status, error["message"]) == (400, "The pipeline must have exactly one owner.")
    client.sdk.pipelines.delete(pipeline_id)
    assert client.http("GET", path)[0] == 404
    assert client.http("GET", "/api/2.0/permissions/pipelines/gold")[0] == 200


def test_pipeline_that_was_deleted_fails_its_task(client: Client) -> None:
    pipeline_id = create(client, "etl")
    task = {"task_key": "main", "pipeline_task": {"pipeline_id": pipeline_id}}
    job = client.http("POST", "/api/2.2/jobs/create", {"name": "job", "tasks": [task]})[1]
    client.sdk.pipelines.delete(pipeline_id)
    run = client.finish(client.jobs.run_now(job["job_id"]).bind()["run_id"])
    assert run.tasks
    assert run.tasks[0].state
    message = f"The workspace has no pipeline {pipeline_id!r}. Deploy it, or define it"
    assert str(run.tasks[0].state.state_message).startswith(message)


@given(st.text("ab*?[]\n", max_size=8), st.text("ab%*?[]\n", max_size=6))
def test_pattern_matches_as_the_regular_expression(name: str, pattern: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("%")))
    assert is_like(name, pattern) == bool(re.fullmatch(expression, name, re.DOTALL))


def test_pattern_of_many_wildcards_takes_no_time() -> None:
    """A regular expression would try for years, and stop all threads meanwhile."""
    assert not is_like("a" * 100, "%a" * 50 + "%" * 50 + "b")
