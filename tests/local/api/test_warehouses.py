"""Endpoints of warehouses and clusters, through the SDK."""

from __future__ import annotations

import pytest
from databricks.sdk.errors import NotFound

from tests.local.conftest import Serve
from tests.local.support import Client, python_task

WAREHOUSE = "10ca10ca10ca10ca"


def test_warehouse_is_listed_stopped_and_started(client: Client) -> None:
    warehouses = client.sdk.warehouses
    assert [each.id for each in warehouses.list()] == [WAREHOUSE]
    found = warehouses.get(WAREHOUSE)
    assert (found.name, found.state and found.state.value) == (
        "Serverless Starter Warehouse",
        "RUNNING",
    )
    assert found.odbc_params
    assert found.odbc_params.path == f"/sql/1.0/warehouses/{WAREHOUSE}"
    assert str(warehouses.stop(WAREHOUSE).result().state) == "State.STOPPED"
    assert str(warehouses.start(WAREHOUSE).result().state) == "State.RUNNING"


def test_warehouse_answers_to_each_id_that_a_job_names(serve: Serve) -> None:
    """A variable with a lookup has the name of its warehouse as value."""
    loop = {"inputs": "[1]", "task": {"task_key": "each", "sql_task": {"warehouse_id": "Two"}}}
    loop["task"]["sql_task"]["file"] = {"path": "a.sql"}  # type: ignore[index]
    sql = {"warehouse_id": "Shared Endpoint", "file": {"path": "a.sql"}}
    tasks = [{"task_key": "a", "sql_task": sql}, {"task_key": "b", "for_each_task": loop}]
    tasks.append({"task_key": "empty", "sql_task": {**sql, "warehouse_id": ""}})
    tasks.append({"task_key": "own", "sql_task": {**sql, "warehouse_id": WAREHOUSE}})
    parameters = [{"name": "warehouse", "default": "Starter"}]
    client = serve({"etl": {"tasks": tasks, "parameters": parameters}}, {"a.sql": "SELECT 1"})
    names = {each.name: each.id for each in client.sdk.warehouses.list()}
    assert names == {
        "Serverless Starter Warehouse": WAREHOUSE,
        "Shared Endpoint": "Shared Endpoint",
        "Two": "Two",
    }
    assert client.sdk.warehouses.get("Two").name == "Two"
    assert client.sdk.warehouses.get("Starter").id == "Starter"
    assert client.sdk.warehouses.get("beb00aeaaa803c3e").id == "beb00aeaaa803c3e"


def test_warehouse_is_created_edited_and_deleted(client: Client) -> None:
    warehouses = client.sdk.warehouses
    new_id = client.http("POST", "/api/2.0/sql/warehouses", {"name": "own", "tags": {}})[1]["id"]
    assert {each.id: each.name for each in warehouses.list()}[new_id] == "own"
    path = f"/api/2.0/sql/warehouses/{new_id}/edit"
    assert client.http("POST", path, {"cluster_size": "Large"}) == (200, {})
    found = warehouses.get(new_id)
    assert (found.name, found.cluster_size, str(found.state)) == ("own", "Large", "State.RUNNING")
    warehouses.delete(new_id)
    assert new_id not in {each.id for each in warehouses.list()}
    status, error = client.http("POST", "/api/2.0/sql/warehouses", {})
    assert (status, error["message"]) == (400, "Missing required field: name")


def test_unknown_warehouse_and_cluster_are_not_found(serve: Serve) -> None:
    client = serve({"etl": {"tasks": [python_task("a")]}}, {"main.py": ""})
    with pytest.raises(NotFound, match=f"does not exist. Use {WAREHOUSE}, or any "):
        client.sdk.warehouses.get("x")
    assert list(client.sdk.clusters.list()) == []
    _, error = client.http("GET", "/api/2.1/clusters/get?cluster_id=c")
    assert error["error_code"] == "INVALID_PARAMETER_VALUE"
    assert error["message"].startswith("Cluster c does not exist.")
    assert client.http("GET", "/api/2.1/clusters/get")[0] == 400


def test_spark_version_is_listed(client: Client) -> None:
    assert client.sdk.clusters.select_spark_version(long_term_support=True).startswith("16.4")


def test_node_type_is_selected(client: Client) -> None:
    clusters = client.sdk.clusters
    assert clusters.select_node_type(local_disk=True, min_memory_gb=16) == "i3.xlarge"


def test_telemetry_of_a_client_is_dropped(client: Client) -> None:
    assert client.http("POST", "/telemetry-ext", {"protoLogs": 2})[0] == 400
    assert client.http("POST", "/telemetry-ext", {})[0] == 200
    answer = client.http("POST", "/telemetry-ext", {"protoLogs": ["a", "b"]})
    assert answer == (200, {"errors": [], "numSuccess": 0, "numProtoSuccess": 2})
