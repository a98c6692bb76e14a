"""Workspace files over HTTP, with the SDK and as the Databricks CLI asks for them."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.core import DatabricksError
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ObjectType

from flask_lakeflow_jobs.local.api.workspace_files import MAX_NOTEBOOK_BYTES
from flask_lakeflow_jobs.local.files.tree import Node, WorkspaceTree
from flask_lakeflow_jobs.local.files.volume_folder import Parts
from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task, python_task, task_results
from tests.support import needs_newer_sdk

pytestmark = needs_newer_sdk

RAW: Any = getattr(ImportFormat, "RAW", None)
SOURCE = b"# Databricks notebook source\nprint('hello')\n"
JUPYTER = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": ["# Title"]},
            {"cell_type": "code", "source": "print('hello')"},
        ],
        "metadata": {"language_info": {"name": "python"}},
    }
).encode()


def import_file(client: Client, path: str, content: bytes, query: str = "") -> tuple[int, Any]:
    """Import a file as the CLI does: its path is one encoded segment."""
    encoded = path.lstrip("/").replace("/", "%2F").replace(" ", "%20")
    url = f"/api/2.0/workspace-files/import-file/{encoded}{query}"
    return client.http("POST", url, content)


@pytest.fixture
def home(client: Client) -> str:
    """An empty folder of the user."""
    return make_home(client)


def make_home(client: Client) -> str:
    path = f"/Workspace/Users/{client.sdk.current_user.me().user_name}/home"
    client.sdk.workspace.mkdirs(path)
    return path


def test_upload_of_each_kind_is_listed(client: Client, home: str) -> None:
    workspace = client.sdk.workspace
    workspace.upload(f"{home}/load.py", SOURCE, format=ImportFormat.AUTO)
    workspace.upload(f"{home}/data ü.bin", b"\x00\r\n--\xff", format=RAW)
    workspace.upload(f"{home}/query", b"SELECT 1", language=Language.SQL)
    workspace.upload(f"{home}/book", JUPYTER, format=ImportFormat.JUPYTER)
    workspace.upload(f"{home}/plain.py", io.BytesIO(b"x = 1"), format=ImportFormat.AUTO)
    workspace.mkdirs(f"{home}/deep/er")
    objects = {str(each.path): each for each in workspace.list(home)}
    assert {path.rpartition("/")[2]: each.object_type for path, each in objects.items()} == {
        "load": ObjectType.NOTEBOOK,
        "data ü.bin": ObjectType.FILE,
        "query": ObjectType.NOTEBOOK,
        "book": ObjectType.NOTEBOOK,
        "plain.py": ObjectType.FILE,
        "deep": ObjectType.DIRECTORY,
    }
    assert objects[f"{home}/query"].language is Language.SQL
    assert objects[f"{home}/data ü.bin"].size == 6
    assert workspace.download(f"{home}/data ü.bin").read() == b"\x00\r\n--\xff"
    assert workspace.get_status(f"{home}/load").object_id == objects[f"{home}/load"].object_id
    without = home.removeprefix("/Workspace")
    assert workspace.get_status(f"{without}/load").path == f"{without}/load"
    assert [each.path for each in workspace.list(f"{home}/deep")] == [f"{home}/deep/er"]
    assert [each.path for each in workspace.list(f"{home}/query")] == [f"{home}/query"]
    assert client.http("GET", f"/api/2.0/workspace/list?path={home}/deep/er") == (200, {})


@pytest.mark.parametrize(
    ("path", "format_", "content"),
    [
        ("load", ExportFormat.SOURCE, SOURCE),
        ("load", ExportFormat.AUTO, SOURCE),
        ("book", ExportFormat.JUPYTER, JUPYTER),
        ("book", ExportFormat.AUTO, JUPYTER),
        (
            "book",
            ExportFormat.SOURCE,
            (
                b"# Databricks notebook source\n# MAGIC %md\n# MAGIC # Title\n\n"
                b"# COMMAND ----------\n\nprint('hello')\n"
            ),
        ),
    ],
)
def test_notebook_is_exported_in_a_format(
    client: Client, home: str, path: str, format_: ExportFormat, content: bytes
) -> None:
    workspace = client.sdk.workspace
    workspace.upload(f"{home}/load", SOURCE, language=Language.PYTHON)
    workspace.upload(f"{home}/book", JUPYTER, format=ImportFormat.JUPYTER)
    assert workspace.download(f"{home}/{path}", format=format_).read() == content
    exported = workspace.export(f"{home}/{path}", format=format_)
    assert base64.b64decode(exported.content or "") == content


@pytest.mark.parametrize("format_", [RAW, ImportFormat.AUTO])
@pytest.mark.parametrize("content", [SOURCE, b"x = 1"])
def test_upload_is_downloaded_by_the_same_path(
    client: Client, home: str, format_: ImportFormat, content: bytes
) -> None:
    for _ in range(2):
        client.sdk.workspace.upload(f"{home}/x.py", content, format=format_, overwrite=True)
        assert client.sdk.workspace.download(f"{home}/x.py").read() == content


def test_source_becomes_jupyter_and_back(client: Client, home: str) -> None:
    source = (
        b"# Databricks notebook source\n# MAGIC %md\n# MAGIC # Title\n\n# COMMAND ----------\n\n"
        b"# MAGIC %sql\n# MAGIC SELECT 1\n\n# COMMAND ----------\n\nx = 1\n\ny = 2\n"
    )
    workspace = client.sdk.workspace
    workspace.upload(f"{home}/a", source, language=Language.PYTHON)
    jupyter = workspace.download(f"{home}/a", format=ExportFormat.JUPYTER).read()
    assert [cell["cell_type"] for cell in json.loads(jupyter)["cells"]] == [
        "markdown",
        "code",
        "code",
    ]
    workspace.upload(f"{home}/a", jupyter, format=ImportFormat.JUPYTER, overwrite=True)
    assert workspace.download(f"{home}/a", format=ExportFormat.SOURCE).read() == source
    assert len(list(workspace.list(home))) == 1


def test_list_leaves_out_what_is_gone_by_now(
    client: Client, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.sdk.workspace.mkdirs(f"{home}/a")
    children = WorkspaceTree.children

    def with_another(tree: WorkspaceTree, parts: Parts) -> list[Node]:
        return [*children(tree, parts), Node((*parts, "gone"), "FILE", Path("/nowhere"))]

    monkeypatch.setattr(WorkspaceTree, "children", with_another)
    assert [each.path for each in client.sdk.workspace.list(home)] == [f"{home}/a"]


ERRORS: list[tuple[Callable[[Any, str], Any], type[DatabricksError], str]] = [
    (lambda w, h: w.get_status(f"{h}/x"), ResourceDoesNotExist, "Path (/Workspace/Users/"),
    (lambda w, h: list(w.list(f"{h}/x")), ResourceDoesNotExist, "doesn't exist."),
    (lambda w, h: w.download(f"{h}/x"), NotFound, "doesn't exist."),
    (lambda w, h: w.export(f"{h}/folder"), InvalidParameterValue, "is a folder"),
    (lambda w, h: w.delete(f"{h}/x"), ResourceDoesNotExist, "doesn't exist."),
    (lambda w, h: w.delete(f"{h}/folder"), BadRequest, "is not empty"),
    (lambda w, h: w.delete("/"), PermissionDenied, "The root of the workspace"),
    (lambda w, h: w.mkdirs(f"{h}/nb"), ResourceAlreadyExists, "/nb) already exists."),
    (lambda w, h: w.mkdirs(f"{h}/nb/deep"), ResourceAlreadyExists, "already exists."),
    (
        lambda w, h: w.upload(f"{h}/nb", SOURCE, language=Language.PYTHON),
        ResourceAlreadyExists,
        "/nb) already exists.",
    ),
    (
        lambda w, h: w.upload(f"{h}/folder", b"", format=RAW, overwrite=True),
        ResourceAlreadyExists,
        "/folder) already exists.",
    ),
    (
        lambda w, h: w.upload(f"{h}/no/x", b"", format=ImportFormat.AUTO),
        ResourceDoesNotExist,
        "The parent folder (/Users/",
    ),
    (lambda w, h: w.upload(f"{h}/x", b""), DatabricksError, "you forgot to specify the `format"),
    (
        lambda w, h: w.upload(f"{h}/x", b"<html>", format=ImportFormat.HTML),
        DatabricksError,
        "has no format HTML. Use one of SOURCE, AUTO, JUPYTER, RAW.",
    ),
    (
        lambda w, h: w.upload(f"{h}/x", b"{}", format=ImportFormat.JUPYTER),
        DatabricksError,
        "The content is no Jupyter notebook.",
    ),
    (lambda w, h: w.import_(f"{h}/x", content="%%"), BadRequest, "content is not base64."),
    (
        lambda w, h: w.upload(f"{h}/nb.py", b"x", format=RAW, overwrite=True),
        ResourceAlreadyExists,
        "/nb. Delete that, or use another name.",
    ),
    (lambda w, h: w.mkdirs(f"{h}/../x"), InvalidParameterValue, "path contains '..'."),
]


@pytest.fixture(scope="module")
def filled_home(module_client: Client) -> str:
    """A folder of the user with a notebook and a folder."""
    home = make_home(module_client)
    module_client.sdk.workspace.mkdirs(f"{home}/folder/inner")
    module_client.sdk.workspace.upload(f"{home}/nb", SOURCE, language=Language.PYTHON)
    return home


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_bad_call_is_refused(
    module_client: Client,
    filled_home: str,
    call: Callable[[Any, str], Any],
    error: type[Exception],
    message: str,
) -> None:
    workspace, home = module_client.sdk.workspace, filled_home
    before = list(workspace.list(home, recursive=True))
    with pytest.raises(error) as caught:
        call(workspace, home)
    assert message in str(caught.value)
    assert list(workspace.list(home, recursive=True)) == before


def test_import_file_follows_the_cli(client: Client, home: str) -> None:
    root = f"{home}/.bundle/shop/dev"
    path = f"{root}/state/deploy.lock"
    status, error = import_file(client, path, b"{}", "?overwrite=false")
    assert (status, error["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    client.sdk.workspace.mkdirs(f"{root}/state")
    assert import_file(client, path, b"{}", "?overwrite=false") == (200, {})
    status, error = import_file(client, path, b"[]", "?overwrite=false")
    assert (status, error["error_code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert import_file(client, path, b"\xff not JSON", "?overwrite=true") == (200, {})
    assert client.sdk.workspace.download(path).read() == b"\xff not JSON"
    assert import_file(client, f"{root}/a b.py", SOURCE) == (200, {})
    status, notebook = client.http(
        "GET",
        f"/api/2.0/workspace/get-status?path={root}/a%20b&return_export_info=true",
    )
    assert (status, notebook["object_type"], notebook["repos_export_format"]) == (
        200,
        "NOTEBOOK",
        "SOURCE",
    )
    client.sdk.workspace.delete(f"{home}/.bundle", recursive=True)
    with pytest.raises(NotFound):
        client.sdk.workspace.get_status(root)


def test_import_is_limited(client: Client, home: str) -> None:
    text = base64.b64encode(b"x" * MAX_NOTEBOOK_BYTES).decode()
    client.sdk.workspace.import_(f"{home}/a", content=text, format=RAW)
    assert client.sdk.workspace.get_status(f"{home}/a").size == MAX_NOTEBOOK_BYTES
    with pytest.raises(BadRequest, match="/b is larger than 10 MiB"):
        client.sdk.workspace.import_(f"{home}/b", content="eHh4" + text, format=RAW)
    status, error = import_file(client, f"{home}/c.py", SOURCE + b"x" * MAX_NOTEBOOK_BYTES)
    assert (status, error["error_code"]) == (400, "MAX_NOTEBOOK_SIZE_EXCEEDED")


@pytest.mark.parametrize("path", ["/Users/../../x", "/a/../../../etc/x", "/a%00b", "/%FF", ".."])
def test_import_file_stays_inside(client: Client, tmp_path: Path, path: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    encoded = path.lstrip("/").replace("/", "%2F")
    url = f"/api/2.0/workspace-files/import-file/{encoded}?overwrite=true"
    status, error = client.http("POST", url, b"x")
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert sorted(tmp_path.rglob("*")) == before


def test_link_that_leads_out_is_refused(client: Client, home: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.txt").write_text("a")
    link = tmp_path / "folder" / "files" / home.removeprefix("/Workspace/") / "link"
    link.symlink_to(secret)
    workspace = client.sdk.workspace
    for call in (
        lambda: workspace.download(f"{home}/link/a.txt"),
        lambda: workspace.list(f"{home}/link").__next__(),
        lambda: workspace.upload(f"{home}/link/b", b"", format=RAW),
        lambda: workspace.delete(f"{home}/link/a.txt"),
    ):
        with pytest.raises(PermissionDenied, match="leads out of the file system"):
            call()
    assert list(workspace.list(home)) == []
    assert [each.name for each in secret.iterdir()] == ["a.txt"]


def test_pipe_is_no_notebook(client: Client, home: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "folder" / "files" / home.removeprefix("/Workspace/") / "pipe.py")
    workspace = client.sdk.workspace
    assert list(workspace.list(home)) == []
    for path in ("pipe", "pipe.py"):
        with pytest.raises(ResourceDoesNotExist):
            workspace.get_status(f"{home}/{path}")


def test_job_runs_uploaded_code(client: Client, home: str) -> None:
    workspace = client.sdk.workspace
    workspace.mkdirs(f"{home}/jobs")
    code = b"dbutils.notebook.exit(open(dbutils.widgets.get('file')).read())"
    workspace.upload(f"{home}/jobs/nb", code, language=Language.PYTHON)
    workspace.upload(f"{home}/jobs/main.py", b"print('from a file')", format=RAW)
    workspace.upload(f"{home}/jobs/in.txt", b"content", format=RAW)
    without = home.removeprefix("/Workspace")
    notebook = {
        "notebook_path": f"{without}/jobs/nb",
        "base_parameters": {"file": f"{home}/jobs/in.txt"},
    }
    tasks = [
        notebook_task("nb", notebook_task=notebook),
        python_task("file", f"{home}/jobs/main.py"),
    ]
    status, job = client.http("POST", "/api/2.2/jobs/create", {"name": "own", "tasks": tasks})
    assert status == 200
    run = client.finish(int(client.jobs.run_now(job["job_id"]).bind()["run_id"]))
    assert task_results(run) == {"nb": "SUCCESS", "file": "SUCCESS"}
    outputs = client.outputs(run)
    assert outputs["nb"].notebook_output
    assert outputs["nb"].notebook_output.result == "content"
    assert outputs["file"].logs == "from a file\n"


def test_bundle_appears_under_its_file_path(serve: Serve, tmp_path: Path) -> None:
    client = serve(
        {"etl": {"tasks": [notebook_task("a", "src/nb.py")]}},
        {"src/nb.py": SOURCE.decode(), "src/x.txt": "x"},
    )
    _, job = client.http("GET", f"/api/2.2/jobs/get?job_id={client.job_ids['etl']}")
    path = job["settings"]["tasks"][0]["notebook_task"]["notebook_path"]
    source, _, _ = path.rpartition("/")
    workspace = client.sdk.workspace
    assert workspace.get_status(path).object_type is ObjectType.NOTEBOOK
    assert {each.path for each in workspace.list(source)} == {path, f"{source}/x.txt"}
    folders = source.split("/")
    for end in range(2, len(folders)):
        below = "/".join(folders[: end + 1])
        assert below in {each.path for each in workspace.list("/".join(folders[:end]))}
    # A deployment writes the same files, and others.
    assert import_file(client, f"{source}/x.txt", b"x", "?overwrite=true") == (200, {})
    assert import_file(client, f"{source}/new.txt", b"n", "?overwrite=true") == (200, {})
    assert workspace.download(f"{source}/new.txt").read() == b"n"
    status, error = client.http("GET", f"/api/2.0/workspace-files{source}")
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.raw("GET", f"/api/2.0/workspace-files{source}/x.txt") == (200, b"x")
    status, error = import_file(client, f"{source}/x.txt", b"y", "?overwrite=true")
    assert (status, error["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "is a file of the bundle. Change it there: " in error["message"]
    with pytest.raises(InvalidParameterValue, match="is a file of the bundle"):
        workspace.delete(f"{source}/x.txt")
    workspace.delete(source, recursive=True)
    assert {each.path for each in workspace.list(source)} == {path, f"{source}/x.txt"}
    assert (tmp_path / "bundle" / "src" / "x.txt").read_text() == "x"
