"""Grants on objects of Unity Catalog. Old versions of the SDK call them in another way."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.catalog import VolumeType

from flask_lakeflow_jobs.local.api.grants import change_privileges
from flask_lakeflow_jobs.local.api.request import Request
from tests.local.support import Client

GRANTS = "/api/2.1/unity-catalog/permissions"


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


def test_new_object_has_no_grants_until_they_are_added(client: Client) -> None:
    """Volumes need neither DuckDB nor Spark."""
    volumes = client.sdk.volumes
    volumes.create("main", "raw", "files", VolumeType.MANAGED)
    changes = [{"principal": "ann", "add": ["B", "A"]}, {"principal": "bob", "add": ["A"]}]
    status, changed = client.http("PATCH", f"{GRANTS}/VOLUME/main.raw.files", {"changes": changes})
    ann = {"principal": "ann", "privileges": ["A", "B"]}
    bob = {"principal": "bob", "privileges": ["A"]}
    assert (status, changed) == (200, {"privilege_assignments": [ann, bob]})
    path = f"{GRANTS}/volume/main.raw.files"
    assert client.http("GET", path) == (200, {"privilege_assignments": [ann, bob]})
    assert client.http("GET", f"{path}?principal=bob")[1] == {"privilege_assignments": [bob]}
    volumes.delete("main.raw.files")
    assert client.http("GET", path)[1]["message"] == "Volume 'main.raw.files' does not exist."
    volumes.create("main", "raw", "files", VolumeType.MANAGED)
    assert client.http("GET", path) == (200, {"privilege_assignments": []})


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        ("share/main", [], "has no grants on share. It has those on catalog, function, schema"),
        ("catalog/main", [{"add": ["USE"]}], "Missing required field: principal"),
        ("catalog/main", {}, "changes"),
        ("catalog/main", ["ann"], "changes"),
        ("catalog/main", [{"principal": "a", "add": ["X"], "remove": ["X"]}], "Duplicate privil"),
    ],
)
def test_invalid_change_of_grants_is_refused(
    module_client: Client, path: str, changes: Any, message: str
) -> None:
    status, error = module_client.http("PATCH", f"{GRANTS}/{path}", {"changes": changes})
    assert status == 400
    assert message in error["message"]
