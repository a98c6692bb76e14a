"""Grants on objects of Unity Catalog, through the SDK."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import (
    PermissionsChange,
    Privilege,
    PrivilegeAssignment,
    VolumeType,
)

from flask_lakeflow_jobs.local.api.grants import change_privileges
from flask_lakeflow_jobs.local.api.request import Request
from tests.local.support import Client

READ, WRITE, ALL = Privilege.READ_VOLUME, Privilege.WRITE_VOLUME, Privilege.ALL_PRIVILEGES


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"add": ["B"]}, {"A", "B"}),
        ({"remove": ["A"]}, set()),
        ({"add": ["B"], "remove": ["A"]}, {"B"}),
        ({"add": ["B"], "remove": ["ALL_PRIVILEGES"]}, {"B"}),
        ({}, {"A"}),
        ({"principal": "other", "add": ["B"]}, {"A"}),
    ],
)
def test_change_adds_and_removes_privileges_of_its_principal(change: Any, after: set[str]) -> None:
    changes = [Request("2.1", {"principal": "ann", **change})]
    assert change_privileges({"ann": frozenset("A")}, changes)["ann"] == after


@pytest.mark.ledger(
    "GET unity-catalog/permissions/{securable_type}/{full_name}",
    "PATCH unity-catalog/permissions/{securable_type}/{full_name}",
    differs="Grants are kept and shown, not enforced. GRANT in SQL is not among them.",
)
def test_new_object_has_no_grants_until_they_are_added(client: Client) -> None:
    """Volumes need neither DuckDB nor Spark."""
    grants, volumes = client.sdk.grants, client.sdk.volumes
    volumes.create("main", "raw", "files", VolumeType.MANAGED)
    changes = [
        PermissionsChange(principal="ann", add=[WRITE, READ]),
        PermissionsChange(principal="bob", add=[ALL]),
    ]
    ann = PrivilegeAssignment("ann", [READ, WRITE])
    bob = PrivilegeAssignment("bob", [ALL])
    changed = grants.update("VOLUME", "main.raw.files", changes=changes)
    assert changed.privilege_assignments == [ann, bob]
    assert grants.get("volume", "main.raw.files").privilege_assignments == [ann, bob]
    only = grants.get("volume", "main.raw.files", principal="bob")
    assert only.privilege_assignments == [bob]
    volumes.delete("main.raw.files")
    with pytest.raises(NotFound, match=r"Volume 'main.raw.files' does not exist"):
        grants.get("volume", "main.raw.files")
    volumes.create("main", "raw", "files", VolumeType.MANAGED)
    assert not grants.get("volume", "main.raw.files").privilege_assignments


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("function/main.s.f", [], "has no grants on function. It has those on catalog, schema"),
        ("catalog/main", [{"add": ["USE"]}], "Missing required field: principal"),
        ("catalog/main", {}, "changes"),
        ("catalog/main", ["ann"], "changes"),
        ("catalog/main", [{"principal": "a", "add": ["X"], "remove": ["X"]}], "Duplicate privil"),
    ],
)
def test_invalid_change_of_grants_is_refused(
    module_client: Client, path: str, changes: Any, message: str
) -> None:
    address = f"/api/2.1/unity-catalog/permissions/{path}"
    status, error = module_client.http("PATCH", address, {"changes": changes})
    assert status == 400
    assert message in error["message"]
