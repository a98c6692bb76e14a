"""Apps, dashboards and registered models, through the SDK and over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.support import Client

API = "/api/2.0/"


def create(client: Client, path: str, **fields: Any) -> Any:
    status, created = client.http("POST", f"{API}{path}", fields)
    assert status == 200, created
    return created


def test_app_is_kept_changed_and_deleted(client: Client) -> None:
    created = create(client, "apps?no_compute=true", name="my-app", description="first")
    assert created["compute_status"]["state"] == "STOPPED"
    assert "no_compute" not in created
    changes = {"app": {"description": "second"}, "update_mask": "description"}
    assert create(client, "apps/my-app/update", **changes) == {"status": {"state": "SUCCEEDED"}}
    assert client.http("GET", f"{API}apps/my-app/update")[1] == {"status": {"state": "SUCCEEDED"}}
    assert client.http("GET", f"{API}apps/my-app")[1]["description"] == "second"
    client.http("PATCH", f"{API}apps/my-app", {"description": "third"})
    (app,) = client.sdk.apps.list()
    assert (app.name, app.description) == ("my-app", "third")
    status, error = client.http("POST", f"{API}apps", {"name": "my-app"})
    assert (status, error["error_code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert client.http("DELETE", f"{API}apps/my-app")[1]["name"] == "my-app"
    status, error = client.http("GET", f"{API}apps/my-app")
    assert (status, error["message"]) == (404, "App my-app does not exist.")


@pytest.mark.parametrize("action", ["deployments", "start"])
def test_app_that_should_run_is_refused_with_the_command_to_write(
    client: Client, action: str
) -> None:
    create(client, "apps", name="my-app")
    status, error = client.http("POST", f"{API}apps/my-app/{action}", {})
    assert status == 400
    assert "keeps apps, but does not run them. Start the app with its own" in error["message"]


def test_dashboard_is_kept_published_and_deleted(client: Client) -> None:
    fields = {"display_name": "Sales", "parent_path": "/Workspace/Shared", "warehouse_id": "a"}
    dashboard_id = create(client, "lakeview/dashboards", **fields, etag="x")["dashboard_id"]
    path = f"lakeview/dashboards/{dashboard_id}"
    assert client.http("GET", f"{API}{path}/published")[0] == 404
    create(client, f"{path}/published", embed_credentials=True)
    found = client.sdk.lakeview.get_published(dashboard_id)
    assert (found.display_name, found.warehouse_id, found.embed_credentials) == ("Sales", "a", True)
    changed = client.http("PATCH", f"{API}{path}", {"display_name": "New", "etag": "1"})[1]
    assert changed == client.http("GET", f"{API}{path}")[1]
    assert (changed["etag"], changed["path"]) == ("2", "/Shared/New.lvdash.json")
    assert client.http("DELETE", f"{API}{path}/published") == (200, {})
    assert client.http("GET", f"{API}{path}/published")[0] == 404
    create(client, f"{path}/published")
    client.http("DELETE", f"{API}{path}")
    assert client.http("GET", f"{API}lakeview/dashboards")[1] == {"dashboards": []}
    assert client.http("GET", f"{API}{path}/published")[0] == 404


def test_registered_model_is_kept_granted_and_deleted(client: Client) -> None:
    models = client.sdk.registered_models
    created = client.http(
        "POST",
        "/api/2.1/unity-catalog/models",
        {"catalog_name": "main", "schema_name": "ml", "name": "Churn", "comment": "first"},
    )[1]
    assert created["full_name"] == "main.ml.churn"
    grants = "/api/2.1/unity-catalog/permissions/function/main.ml.churn"
    changes = {"changes": [{"principal": "ann", "add": ["EXECUTE"]}]}
    assert client.http("PATCH", grants, changes)[0] == 200
    model = models.update("main.ml.churn", comment="second")
    assert model == models.get("main.ml.churn")
    assert model.comment == "second"
    models.delete("main.ml.churn")
    assert client.http("GET", grants)[1]["message"] == "Function 'main.ml.churn' does not exist."
    assert list(models.list()) == []


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("apps", {}, "Missing required field: name"),
        ("apps", {"name": "My_App"}, "'My_App' is not a valid name of an app. Use 2 to 30"),
        ("apps/none/update", {"app": {}}, "App none does not exist."),
        ("lakeview/dashboards", {}, "Missing required field: display_name"),
        ("lakeview/dashboards", {"display_name": "a", "parent_path": 1}, "parent_path"),
        ("lakeview/dashboards/none/published", {}, "Dashboard none does not exist."),
        ("unity-catalog/models", {"name": "a"}, "Missing required field: catalog_name"),
    ],
)
def test_invalid_request_changes_nothing(
    module_client: Client, path: str, fields: Any, message: str
) -> None:
    status, error = module_client.http("POST", f"{API}{path}", fields)
    assert 400 <= status < 500
    assert message in error["message"]


@pytest.mark.parametrize(("kind", "level"), [("apps", "CAN_USE"), ("dashboards", "CAN_READ")])
def test_permissions_of_an_object_are_kept(client: Client, kind: str, level: str) -> None:
    create(client, "apps", name="my-app")
    own_id = "my-app"
    if kind == "dashboards":
        own_id = create(client, "lakeview/dashboards", display_name="a")["dashboard_id"]
    entries = [{"group_name": "users", "permission_level": level}]
    path = f"{API}permissions/{kind}/{own_id}"
    client.http("PATCH", path, {"access_control_list": entries})
    found = client.http("GET", path)[1]["access_control_list"]
    levels = {each.get("group_name"): each["all_permissions"][0] for each in found}
    assert levels["users"]["permission_level"] == level
    assert client.http("GET", f"{API}permissions/{kind}/none")[0] == 404
