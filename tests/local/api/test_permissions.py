"""Endpoints of permissions, through the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel

from flask_lakeflow_jobs.cli.doctor.permissions import may_run
from flask_lakeflow_jobs.local import Workspace
from tests.local.support import Client, write_bundle

OTHER = "other@example.com"


def levels(permissions: Any) -> dict[str, str]:
    """Return the level of each principal that has one of its own."""
    return {
        each.user_name or each.group_name: permission.permission_level.value
        for each in permissions.access_control_list
        for permission in each.all_permissions
        if not permission.inherited
    }


def grant(level: PermissionLevel, user: str) -> AccessControlRequest:
    return AccessControlRequest(user_name=user, permission_level=level)


def user_of(client: Client) -> str:
    return str(client.sdk.current_user.me().user_name)


def test_job_of_the_bundle_belongs_to_the_user(client: Client) -> None:
    job_id = str(client.job_ids["etl"])
    permissions = client.jobs.get_permissions(job_id)
    assert (permissions.object_id, permissions.object_type) == (f"/jobs/{job_id}", "job")
    assert levels(permissions) == {user_of(client): "IS_OWNER"}
    known = client.jobs.get_permission_levels(job_id).permission_levels or []
    assert {each.permission_level.value for each in known if each.permission_level} == {
        "CAN_VIEW",
        "CAN_MANAGE_RUN",
        "IS_OWNER",
        "CAN_MANAGE",
    }


def test_permissions_are_replaced_and_updated(client: Client) -> None:
    job_id, me = str(client.job_ids["etl"]), user_of(client)
    iam = client.sdk.permissions
    entries = [grant(PermissionLevel.IS_OWNER, OTHER), grant(PermissionLevel.CAN_VIEW, me)]
    assert levels(iam.set("jobs", job_id, access_control_list=entries)) == {
        OTHER: "IS_OWNER",
        me: "CAN_VIEW",
    }
    with pytest.raises(InvalidParameterValue, match="must have exactly one owner"):
        iam.update("jobs", job_id, access_control_list=[grant(PermissionLevel.IS_OWNER, me)])
    with pytest.raises(InvalidParameterValue, match="must have exactly one owner"):
        iam.set("jobs", job_id, access_control_list=[grant(PermissionLevel.CAN_VIEW, me)])
    changes = [grant(PermissionLevel.CAN_MANAGE_RUN, me)]
    iam.update("jobs", job_id, access_control_list=changes)
    assert levels(iam.get("jobs", job_id)) == {OTHER: "IS_OWNER", me: "CAN_MANAGE_RUN"}


def test_check_of_the_app_sees_stored_permissions(client: Client) -> None:
    """``flask jobs doctor`` says whether the app may run a job."""
    job_id, user = str(client.job_ids["etl"]), client.sdk.current_user.me().as_dict()
    assert may_run(client.jobs.get_permissions(job_id), user)
    owner = [grant(PermissionLevel.IS_OWNER, OTHER)]
    client.sdk.permissions.set("jobs", job_id, access_control_list=owner)
    assert not may_run(client.jobs.get_permissions(job_id), user)


def test_permissions_survive_a_restart_and_end_with_their_job(
    etl_jobs: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "bundle").mkdir()
    bundle = write_bundle(tmp_path / "bundle", etl_jobs, {})
    entries = [{"user_name": OTHER, "permission_level": "CAN_VIEW"}]
    with Workspace(bundle, tmp_path / "folder") as address:
        client = Client(address, {})
        fields = {"name": "mine", "access_control_list": entries}
        job_id = str(client.http("POST", "/api/2.2/jobs/create", fields)[1]["job_id"])
    with Workspace(bundle, tmp_path / "folder") as address:
        client = Client(address, {})
        permissions = client.jobs.get_permissions(job_id)
        assert levels(permissions) == {user_of(client): "IS_OWNER", OTHER: "CAN_VIEW"}
        client.jobs.delete(int(job_id))
        with pytest.raises(NotFound):
            client.jobs.get_permissions(job_id)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "Could not parse request object: Expected array for field access_control_list"),
        (["x"], "Could not parse request object: Expected object for field access_control_list"),
        ([{}], "Each entry of access_control_list needs exactly one of user_name"),
        ([{"user_name": "a", "group_name": "b"}], "Each entry of access_control_list needs"),
        ([{"user_name": "a"}], "Missing required field: permission_level"),
        (
            [{"user_name": "a", "permission_level": "CAN_READ"}],
            "Unknown permission_level 'CAN_READ'. Use one of CAN_VIEW, CAN_MANAGE_RUN",
        ),
    ],
)
def test_invalid_permission_is_refused(client: Client, entries: Any, message: str) -> None:
    path = f"/api/2.0/permissions/jobs/{client.job_ids['etl']}"
    status, error = client.http("PUT", path, {"access_control_list": entries})
    assert status == 400
    assert error["message"].startswith(message)


@pytest.mark.parametrize("path", ["jobs/7", "jobs/7/permissionLevels"])
def test_permissions_of_an_unknown_job_are_not_found(client: Client, path: str) -> None:
    status, error = client.http("GET", f"/api/2.0/permissions/{path}")
    assert (status, error["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert error["message"] == "Job 7 does not exist."
