"""DBFS over HTTP, with the SDK, and as tasks see it."""

from __future__ import annotations

import base64
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from databricks.sdk.core import DatabricksError
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
)

from flask_lakeflow_jobs.local.api import dbfs as endpoints
from flask_lakeflow_jobs.local.files.volume_folder import Folder
from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task

LARGE = bytes(range(256)) * 10_000


class FullDisk(io.BytesIO):
    """A file that cannot be written."""

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_setting_says_that_dbfs_exists(client: Client) -> None:
    """Clients of several file systems, such as fsspec-databricks, read it first."""
    _, setting = client.http("GET", "/api/2.1/settings/disable_legacy_dbfs")
    assert setting["effective_boolean_val"] == {"value": False}


def test_file_is_written_read_moved_and_deleted(client: Client) -> None:
    dbfs = client.sdk.dbfs
    assert list(dbfs.list("/")) == []
    dbfs.upload("/a/large ü.bin", io.BytesIO(LARGE))
    dbfs.put("/a/small.txt", contents=base64.b64encode(b"small").decode())
    assert dbfs.download("dbfs:/a/large ü.bin").read() == LARGE
    assert [(each.path, each.file_size) for each in dbfs.list("/a")] == [
        ("/a/large ü.bin", len(LARGE)),
        ("/a/small.txt", 5),
    ]
    dbfs.mkdirs("/b")
    dbfs.move_("/a", "/b/new/c")
    assert not dbfs.exists("/a")
    part = dbfs.read("/b/new/c/small.txt", offset=1, length=3)
    assert (part.bytes_read, base64.b64decode(part.data or "")) == (3, b"mal")
    assert dbfs.read("/b/new/c/small.txt", offset=100).bytes_read == 0
    status = dbfs.get_status("/b/new/c/small.txt")
    assert (status.is_dir, (status.modification_time or 0) > 10**12) == (False, True)
    dbfs.delete("/b", recursive=True)
    assert list(dbfs.list("/")) == []
    assert client.http("POST", "/api/2.0/dbfs/delete", {"path": "/b"}) == (200, {})


@pytest.mark.parametrize("name", [b"contents", b"file"])
def test_form_may_be_put(client: Client, name: bytes) -> None:
    """The CLI from PyPI sends the file as *file*."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="path"\r\n\r\n/a.bin\r\n'
        b'--x\r\nContent-Disposition: form-data; name="%b"; filename="a"\r\n\r\n'
        % name
        + LARGE
        + b"\r\n--x--\r\n"
    )
    headers = {
        "Authorization": f"Bearer {client.address.token}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    assert client.http("POST", "/api/2.0/dbfs/put", body, headers=headers) == (200, {})
    assert client.sdk.dbfs.download("/a.bin").read() == LARGE
    headers["Content-Type"] = "multipart/form-data"
    status, error = client.http("POST", "/api/2.0/dbfs/put", body, headers=headers)
    assert (status, error["error_code"]) == (400, "MALFORMED_REQUEST")


def encode(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


TOO_LARGE = encode(endpoints.MAX_BLOCK_BYTES + 1)
ERRORS: list[tuple[Callable[[Any], Any], type[DatabricksError], str]] = [
    (lambda d: d.get_status("/x"), NotFound, "No file or directory exists on path /x."),
    (lambda d: d.get_status("/dir/a/b"), NotFound, "exists on path /dir/a/b."),
    (lambda d: d.read("/x"), NotFound, "exists on path /x."),
    (lambda d: d.read("/dir"), InvalidParameterValue, "/dir is a directory."),
    (lambda d: d.read("/dir/a", offset=-1), InvalidParameterValue, "must not be negative."),
    (lambda d: d.read("/dir/a", length=2**20 + 1), BadRequest, "At most 1048576 bytes can be read"),
    (lambda d: d.mkdirs("/dir/a"), ResourceAlreadyExists, "already exists at the input path dbfs:"),
    (lambda d: d.mkdirs("/dir/a/b"), ResourceAlreadyExists, "already exists"),
    (lambda d: d.put("/dir/a", contents=""), ResourceAlreadyExists, "dbfs:/dir/a."),
    (lambda d: d.put("/dir", overwrite=True), ResourceAlreadyExists, "dbfs:/dir."),
    (lambda d: d.put("/x", contents=TOO_LARGE), BadRequest, "A block has at most 1048576 bytes."),
    (lambda d: d.put("/x", contents="%"), BadRequest, "contents is not base64."),
    (lambda d: d.create("/dir/a"), ResourceAlreadyExists, "dbfs:/dir/a."),
    (lambda d: d.create("/dir", overwrite=True), ResourceAlreadyExists, "dbfs:/dir."),
    (lambda d: d.add_block(7, ""), NotFound, "No handle 7 is open. A restart"),
    (lambda d: d.add_block(7, TOO_LARGE), BadRequest, "A block has at most 1048576 bytes."),
    (lambda d: d.close(7), NotFound, "No handle 7 is open."),
    (lambda d: d.move("/x", "/new/y"), NotFound, "exists on path /x."),
    (lambda d: d.move("/dir", "/dir/a"), ResourceAlreadyExists, "dbfs:/dir/a."),
    (lambda d: d.move("/dir", "/dir/b"), BadRequest, "/dir: Invalid argument."),
    (lambda d: d._dbfs_api.delete("/dir"), BadRequest, "Directory is not empty. Use recursive"),
    (lambda d: d._dbfs_api.delete("/"), PermissionDenied, "The root of DBFS cannot be deleted."),
    (lambda d: d.mkdirs("/../x"), InvalidParameterValue, "path contains '..'."),
    (lambda d: d.get_status("x"), InvalidParameterValue, "path has to be an absolute path"),
    (lambda d: d._dbfs_api.mkdirs("/Volumes/a"), InvalidParameterValue, "under 'fs/files'"),
    (lambda d: d.mkdirs("/Workspace/a"), InvalidParameterValue, "are under 'workspace'."),
    (lambda d: d.get_status("/link/secret"), PermissionDenied, "leads out of the file system."),
    (lambda d: d.put("/link/x", contents=""), PermissionDenied, "leads out of the file system."),
]


@pytest.fixture(scope="module")
def dbfs(module_client: Client, module_folder: Path) -> Any:
    """DBFS with a file, and with a link to a secret outside."""
    module_client.sdk.dbfs.put("/dir/a", contents=encode(1))
    (module_folder / "secret").write_text("a")
    (module_folder / "folder" / "data" / "dbfs" / "link").symlink_to(module_folder)
    return module_client.sdk.dbfs


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_bad_call_is_refused(
    dbfs: Any,
    module_folder: Path,
    call: Callable[[Any], Any],
    error: type[Exception],
    message: str,
) -> None:
    before = sorted(module_folder.rglob("*"))
    with pytest.raises(error) as caught:
        call(dbfs)
    assert message in str(caught.value)
    assert sorted(module_folder.rglob("*")) == before


def test_links_that_lead_nowhere_are_not_listed(client: Client, tmp_path: Path) -> None:
    client.sdk.dbfs.put("/a", contents="")
    dbfs = tmp_path / "folder" / "data" / "dbfs"
    (dbfs / "out").symlink_to(tmp_path)
    (dbfs / "missing").symlink_to("nothing")
    (dbfs / "circle").symlink_to("circle")
    assert [each.path for each in client.sdk.dbfs.list("/")] == ["/a"]


def test_pipe_is_not_read(client: Client, tmp_path: Path) -> None:
    """A read of it would wait for a writer, and four would take all threads of the server."""
    client.sdk.dbfs.put("/a", contents="")
    os.mkfifo(tmp_path / "folder" / "data" / "dbfs" / "pipe")
    answer = client.http("GET", "/api/2.0/dbfs/read?path=/pipe")
    assert (answer[0], answer[1]["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_file_appears_with_its_end(client: Client, tmp_path: Path) -> None:
    dbfs = client.sdk.dbfs
    handle = dbfs.create("/a").handle or 0
    dbfs.add_block(handle, encode(5))
    assert list(dbfs.list("/")) == []
    dbfs.close(handle)
    assert [each.file_size for each in dbfs.list("/")] == [5]
    assert list((tmp_path / "folder" / "unfinished").iterdir()) == []


def test_file_that_lacks_a_block_does_not_appear(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK closes a file after each error, which would make the rest of it appear."""
    create = Folder.create

    def create_without_space(folder: Folder) -> tuple[BinaryIO, Path]:
        opened, path = create(folder)
        opened.close()
        return FullDisk(), path

    monkeypatch.setattr(Folder, "create", create_without_space)
    handle = client.sdk.dbfs.create("/a").handle or 0
    with pytest.raises(BadRequest, match=r"/a: No space left on device\."):
        client.sdk.dbfs.add_block(handle, encode(5))
    with pytest.raises(NotFound, match="No handle"):
        client.sdk.dbfs.close(handle)
    assert list(client.sdk.dbfs.list("/")) == []


def test_oldest_handle_is_dropped_when_there_are_many(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_HANDLES", 2)
    first, *others = [client.sdk.dbfs.create(f"/{number}").handle or 0 for number in range(3)]
    with pytest.raises(NotFound, match=f"No handle {first} is open"):
        client.sdk.dbfs.close(first)
    for handle in others:
        client.sdk.dbfs.close(handle)
    assert [each.path for each in client.sdk.dbfs.list("/")] == ["/1", "/2"]


def test_task_sees_the_same_files(serve: Serve) -> None:
    code = """
        # Databricks notebook source
        from databricks.sdk import WorkspaceClient
        path = dbutils.widgets.get("path")
        dbutils.fs.put("dbfs:/out/" + dbutils.fs.head("/in/a.txt"), "1")
        assert dbutils.fs.head("file:/dbfs/in/a.txt") == open(path).read() == "hello"
        client = WorkspaceClient()
        assert client.dbfs.get_status(path).path == "/in/a.txt"
        assert client.dbutils.fs.head("dbfs:/in/a.txt") == "hello"
        client.dbutils.fs.cp("dbfs:/in/a.txt", "dbfs:/out/b.txt")
        dbutils.notebook.exit(dbutils.fs.head("/out/b.txt"))
    """
    task = notebook_task("main")
    task["notebook_task"]["base_parameters"] = {"path": "/dbfs/in/a.txt"}
    client = serve({"etl": {"tasks": [task]}}, {"notebook.py": code})
    client.sdk.dbfs.put("/in/a.txt", contents=base64.b64encode(b"hello").decode())
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output
    assert output.notebook_output.result == "hello"
    assert [each.path for each in client.sdk.dbfs.list("/out")] == ["/out/b.txt", "/out/hello"]
