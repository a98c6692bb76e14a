"""Catalogs, schemas, tables and volumes through the SDK, over those of SQL and of paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, NotFound
from databricks.sdk.service.catalog import VolumeType

from flask_lakeflow_jobs.local import Workspace
from flask_lakeflow_jobs.local.api import unity_catalog
from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task, require_duckdb, write_bundle

NOTEBOOK = """
    # Databricks notebook source
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.errors import NotFound
    from databricks.sdk.service.catalog import VolumeType
    w = WorkspaceClient()
    catalog = dbutils.widgets.get("catalog")
    w.catalogs.get(catalog)
    try:
        w.schemas.get(f"{catalog}.Bronze")
    except NotFound:
        w.schemas.create(name="Bronze", catalog_name=catalog)
    # COMMAND ----------
    # MAGIC %sql
    # MAGIC CREATE TABLE dev.bronze.Orders (
    # MAGIC   id BIGINT NOT NULL COMMENT 'The key', Price DECIMAL(9, 2), at TIMESTAMP,
    # MAGIC   item STRUCT<Name: STRING, tags: ARRAY<STRING>>
    # MAGIC ) COMMENT 'What was sold'
    # COMMAND ----------
    # MAGIC %sql
    # MAGIC CREATE VIEW dev.bronze.cheap AS SELECT id FROM dev.bronze.orders;
    # MAGIC CREATE TABLE dev.bronze.empty (id INT)
    # COMMAND ----------
    volume = w.volumes.create("dev", "bronze", "files", VolumeType.MANAGED)
    with open(f"{volume.storage_location}/a.txt", "w") as file:
        file.write("x")
    found = w.tables.get("dev.bronze.orders")
    dbutils.notebook.exit(",".join(column.name for column in found.columns))
"""


def test_objects_of_a_task_are_found_and_deleted(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_duckdb()
    monkeypatch.setattr(unity_catalog, "MAX_PAGE_TABLES", 2)
    job = {
        "tasks": [notebook_task("main")],
        "parameters": [{"name": "catalog", "default": "dev"}],
    }
    client = serve({"etl": job}, {"notebook.py": NOTEBOOK})
    output = client.outputs(client.run("etl"))["main"]
    assert output.notebook_output, output.error_trace
    assert output.notebook_output.result == "id,Price,at,item"
    sdk = client.sdk
    assert {"dev", "main"} <= {each.name for each in sdk.catalogs.list()}
    assert [each.name for each in sdk.schemas.list("dev")] == [
        "bronze",
        "default",
        "information_schema",
    ]
    with pytest.raises(BadRequest, match="Schema 'bronze' already exists") as caught:
        sdk.schemas.create("bronze", "dev")
    assert caught.value.error_code == "SCHEMA_ALREADY_EXISTS"
    view, _, table = sdk.tables.list("dev", "bronze")  # on two pages
    assert (view.full_name, str(view.table_type)) == ("dev.bronze.cheap", "TableType.VIEW")
    assert (table.full_name, str(table.table_type)) == ("dev.bronze.orders", "TableType.MANAGED")
    assert [(each.name, each.type_text, each.position) for each in table.columns or []] == [
        ("id", "bigint", 0),
        ("Price", "decimal(9,2)", 1),
        ("at", "timestamp", 2),
        ("item", "struct<Name:string,tags:array<string>>", 3),
    ]
    assert (table.comment, view.comment) == ("What was sold", None)
    assert [(each.nullable, each.comment) for each in (table.columns or [])[:2]] == [
        (False, "The key"),
        (True, None),
    ]
    page = client.http(
        "GET",
        "/api/2.1/unity-catalog/tables?catalog_name=dev&schema_name=bronze&omit_columns=true",
    )[1]
    assert [each.get("columns") for each in page["tables"]] == [None, None]
    with pytest.raises(BadRequest, match=r"is not empty\. The schema has 3 table"):
        sdk.schemas.delete("dev.bronze")
    assert sdk.tables.exists("DEV.Bronze.Orders").table_exists
    sdk.tables.delete("dev.bronze.orders")
    assert not sdk.tables.exists("dev.bronze.orders").table_exists
    listed = {each.name: len(each.columns or []) for each in sdk.tables.list("dev", "bronze")}
    assert listed == {"cheap": 0, "empty": 1}  # what the view reads was dropped
    path = "/api/2.1/unity-catalog/schemas/dev.bronze?force=true"
    assert client.http("DELETE", path) == (200, {})
    with pytest.raises(NotFound, match=r"Schema 'dev.bronze' does not exist."):
        list(sdk.tables.list("dev", "bronze"))


def test_catalog_is_created_once_and_deleted_with_its_schemas(client: Client) -> None:
    require_duckdb()
    sdk = client.sdk
    assert sdk.catalogs.create("Sales", comment="a").full_name == "sales"
    with pytest.raises(BadRequest, match="Catalog 'sales' already exists"):
        sdk.catalogs.create("sales")
    sdk.schemas.create("raw", "sales")
    sdk.volumes.create("sales", "raw", "files", VolumeType.MANAGED)
    with pytest.raises(BadRequest, match=r"Catalog 'sales' is not empty\. .* 1 schema"):
        sdk.catalogs.delete("sales")
    sdk.catalogs.delete("sales", force=True)
    assert "sales" not in {each.name for each in sdk.catalogs.list()}
    with pytest.raises(NotFound, match="Catalog 'sales' does not exist"):
        list(sdk.volumes.list("sales", "raw"))
    assert sdk.catalogs.create("sales").comment is None


def test_catalog_that_the_bundle_names_is_created_once(serve: Serve) -> None:
    """The bundle may be deployed to the workspace that serves it."""
    require_duckdb()
    job = {"tasks": [notebook_task("main")], "parameters": [{"name": "catalog", "default": "dev"}]}
    catalogs = serve({"etl": job}, {"notebook.py": ""}).sdk.catalogs
    assert catalogs.create("dev", comment="first").comment == "first"
    for name in ("dev", "main"):
        with pytest.raises(BadRequest, match=f"Catalog '{name}' already exists"):
            catalogs.create(name)


def test_comment_owner_and_properties_of_an_object_are_kept(client: Client) -> None:
    require_duckdb()
    sdk = client.sdk
    sdk.catalogs.create("sales", comment="first", properties={"a": "b"})
    sdk.schemas.create("raw", "sales", comment="first", properties={"a": "b"})
    sdk.volumes.create("sales", "raw", "files", VolumeType.EXTERNAL, storage_location="s3://a/b")
    volume = sdk.volumes.update("sales.raw.files", comment="second")
    assert volume == sdk.volumes.read("sales.raw.files")
    assert (volume.comment, volume.storage_location) == ("second", "s3://a/b")
    assert volume.volume_type is VolumeType.EXTERNAL
    catalog = sdk.catalogs.update("sales", comment="second")
    schema = sdk.schemas.update("sales.raw", owner="ann", new_name="raw")
    assert (catalog, schema) == (sdk.catalogs.get("sales"), sdk.schemas.get("sales.raw"))
    assert (catalog.comment, catalog.properties) == ("second", {"a": "b"})
    assert (schema.comment, schema.owner, schema.properties) == ("first", "ann", {"a": "b"})
    assert [each.comment for each in sdk.schemas.list("sales") if each.name == "raw"] == ["first"]
    with pytest.raises(BadRequest, match="cannot rename a schema"):
        sdk.schemas.update("sales.raw", new_name="bronze")
    sdk.schemas.delete("sales.raw", force=True)
    assert sdk.schemas.create("raw", "sales").comment is None


def test_missing_object_is_named(client: Client) -> None:
    require_duckdb()
    sdk = client.sdk
    calls: dict[str, Callable[[], Any]] = {
        "Catalog 'no' does not exist.": lambda: sdk.catalogs.get("no"),
        "Catalog 'none' does not exist.": lambda: sdk.tables.get("none.s.t"),
        "Schema 'main.no' does not exist.": lambda: list(sdk.volumes.list("main", "no")),
        "Table 'main.default.no' does not exist.": lambda: sdk.tables.delete("main.default.no"),
    }
    for message, call in calls.items():
        with pytest.raises(NotFound, match=message):
            call()
    assert not sdk.tables.exists("none.s.t").table_exists


def test_volume_is_the_folder_of_its_path(serve: Serve, tmp_path: Path) -> None:
    """They need neither DuckDB nor Spark."""
    client = serve({"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": ""})
    volumes = client.sdk.volumes
    created = volumes.create("main", "raw", "Files", VolumeType.MANAGED)
    assert created == volumes.read("main.raw.Files")
    assert (created.full_name, created.storage_location) == (
        "main.raw.Files",
        "/Volumes/main/raw/Files",
    )
    assert (tmp_path / "folder" / "volumes" / "main" / "raw" / "Files").is_dir()
    with pytest.raises(BadRequest, match="Volume 'Files' already exists"):
        volumes.create("main", "raw", "Files", VolumeType.MANAGED)
    client.sdk.files.create_directory("/Volumes/main/raw/other/folder")
    page = client.http(
        "GET", "/api/2.1/unity-catalog/volumes?catalog_name=main&schema_name=raw&max_results=1"
    )[1]
    assert [each["name"] for each in page["volumes"]] == ["Files"]
    assert [each.name for each in volumes.list("main", "raw")] == ["Files", "other"]
    volumes.delete("main.raw.other")
    with pytest.raises(NotFound, match=r"Volume 'main.raw.other' does not exist."):
        volumes.read("main.raw.other")


def test_schema_and_volume_of_the_bundle_exist(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": ""})
    resources = """
      volumes: {files: {catalog_name: dev, schema_name: raw, name: files, volume_type: MANAGED}}
      schemas:
        raw: {catalog_name: dev, name: raw}
        unfinished: {name: raw}
        other: {catalog_name: "${resources.catalogs.other.name}", name: raw}
    """
    path.write_text(
        path.read_text().replace("resources:", "resources:" + indent(dedent(resources), "  "))
    )
    with Workspace(path, tmp_path / "folder") as address:
        sdk = Client(address, {}).sdk
        assert sdk.volumes.read("dev.raw.files").name == "files"
    assert [each.name for each in (tmp_path / "folder" / "volumes").iterdir()] == ["dev"]


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "catalogs/a.b", None),
        ("GET", "schemas", None),
        ("GET", "schemas?catalog_name=a%27b", None),
        ("POST", "schemas", {"catalog_name": "main", "name": "a.b"}),
        ("GET", "tables?catalog_name=main", None),
        ("GET", "tables/main.t", None),
        ("GET", "tables/main.t/exists", None),
        ("POST", "volumes", {"catalog_name": "main", "schema_name": "s", "name": "v"}),
        (
            "POST",
            "volumes",
            {"catalog_name": "..", "schema_name": "s", "name": "v", "volume_type": "MANAGED"},
        ),
        ("DELETE", "volumes/main.s", None),
        ("POST", "catalogs", {"comment": "no name"}),
        ("POST", "catalogs", {"name": "a.b"}),
    ],
)
def test_invalid_request_is_refused(
    module_client: Client, method: str, path: str, fields: Any
) -> None:
    status, error = module_client.http(method, f"/api/2.1/unity-catalog/{path}", fields)
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), error


@pytest.mark.parametrize("fields", [{"comment": 1}, {"owner": []}, {"properties": "a"}])
def test_detail_with_the_wrong_type_is_refused(module_client: Client, fields: Any) -> None:
    """An object that exists before its first task needs neither DuckDB nor Spark."""
    path = "/api/2.1/unity-catalog/catalogs/main"
    status, error = module_client.http("PATCH", path, fields)
    assert (status, error["error_code"]) == (400, "MALFORMED_REQUEST"), error


def test_other_objects_are_refused(module_client: Client) -> None:
    with pytest.raises(NotFound, match="No API found for 'GET /unity-catalog/connections'"):
        list(module_client.sdk.connections.list())


def test_metastore_is_assigned(serve: Serve) -> None:
    sdk = serve({"etl": {"tasks": [notebook_task("main")]}}, {"notebook.py": ""}).sdk
    assigned = sdk.metastores.current()
    assert (assigned.default_catalog_name, assigned.metastore_id) == ("main", "local")
    assert assigned.workspace_id == sdk.get_workspace_id()
