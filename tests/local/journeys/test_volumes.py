"""Volumes over HTTP, with the SDK, and as tasks see them."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from databricks.sdk.core import DatabricksError
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
)

from flask_lakeflow_jobs.local.api import volumes
from flask_lakeflow_jobs.local.background import ensure_workspace
from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from flask_lakeflow_jobs.local.http.server import MAX_BODY_BYTES
from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task
from tests.support import DEADLINE, wait_until

VOLUME = "/Volumes/main/default/files"
LARGE = bytes(range(256)) * (MAX_BODY_BYTES // 256 + 1)


def test_file_is_uploaded_listed_downloaded_and_deleted(client: Client) -> None:
    files = client.sdk.files
    files.create_directory(f"{VOLUME}/empty")
    files.upload(f"{VOLUME}/a b/large ü.bin", io.BytesIO(LARGE))
    files.upload(f"{VOLUME}/a b/x?#%.txt", io.BytesIO(b"first"))
    files.upload(f"{VOLUME}/a b/x?#%.txt", io.BytesIO(b"x"), overwrite=True)
    contents = files.download(f"{VOLUME}/a b/large ü.bin").contents
    assert contents is not None
    assert contents.read() == LARGE
    metadata = files.get_metadata(f"{VOLUME}/a b/x?#%.txt")
    assert metadata.content_length == 1
    assert (metadata.last_modified or "").endswith(" GMT")
    files.get_directory_metadata(f"{VOLUME}/empty")
    listed = {each.path: each for each in files.list_directory_contents(f"{VOLUME}/a b")}
    assert {path: each.file_size for path, each in listed.items()} == {
        f"{VOLUME}/a b/large ü.bin": len(LARGE),
        f"{VOLUME}/a b/x?#%.txt": 1,
    }
    folders = files.list_directory_contents(VOLUME, page_size=1)
    assert [(each.name, each.file_size) for each in folders] == [("a b", None), ("empty", None)]
    files.delete(f"{VOLUME}/a b/large ü.bin")
    files.delete(f"{VOLUME}/a b/x?#%.txt")
    files.delete_directory(f"{VOLUME}/a b")
    assert [each.name for each in files.list_directory_contents(VOLUME)] == ["empty"]


ERRORS: list[tuple[Callable[[Any], Any], type[DatabricksError], str]] = [
    (lambda f: f.download(f"{VOLUME}/x"), NotFound, f"file or directory: {VOLUME}/x."),
    (lambda f: f.download(f"{VOLUME}/dir"), NotFound, f"file or directory: {VOLUME}/dir."),
    (lambda f: f.delete(f"{VOLUME}/dir"), NotFound, "There is no such file"),
    (lambda f: f.delete(f"{VOLUME}/x"), NotFound, "There is no such file"),
    (lambda f: f.get_metadata(f"{VOLUME}/x"), NotFound, ""),
    (lambda f: f.get_directory_metadata(f"{VOLUME}/dir/a"), NotFound, ""),
    (lambda f: list(f.list_directory_contents(f"{VOLUME}/dir/a")), NotFound, "There is no such"),
    (lambda f: f.delete_directory(f"{VOLUME}/dir"), BadRequest, "The directory is not empty"),
    (lambda f: f.delete_directory(f"{VOLUME}/dir/a"), NotFound, "There is no such file"),
    (lambda f: f.delete_directory(VOLUME), InvalidParameterValue, "is not in a volume."),
    (lambda f: f.create_directory(f"{VOLUME}/dir/a"), AlreadyExists, "There is a file or dir"),
    (lambda f: f.create_directory("/Volumes/a/b"), InvalidParameterValue, "/Volumes/<catalog>/"),
    (lambda f: f.create_directory("/etc/x"), InvalidParameterValue, "below /Volumes."),
    (lambda f: f.create_directory(f"{VOLUME}/a\0b"), InvalidParameterValue, "contains a character"),
    (lambda f: f.create_directory(f"{VOLUME}/a\nb"), InvalidParameterValue, "contains a character"),
    (
        lambda f: f.upload(f"{VOLUME}/dir/a", io.BytesIO(b""), overwrite=False),
        AlreadyExists,
        "There is a file or directory already",
    ),
    (lambda f: f.upload(f"{VOLUME}/dir", io.BytesIO(b"")), AlreadyExists, "already"),
    (lambda f: f.upload("/Volumes/a/b/c", io.BytesIO(b"")), InvalidParameterValue, "in a volume"),
    (lambda f: f.upload(f"{VOLUME}/link/x", io.BytesIO(b"")), PermissionDenied, "leads out of"),
    (lambda f: f.download(f"{VOLUME}/link/secret"), PermissionDenied, "leads out of"),
]


@pytest.fixture(scope="module")
def volumes_client(module_client: Client, module_folder: Path) -> Client:
    """A client of a workspace with files in a volume, and with a link to a secret outside."""
    for name, content in (("dir/a", b"a"), ("digits", b"0123456789"), ("empty", b"")):
        module_client.sdk.files.upload(f"{VOLUME}/{name}", io.BytesIO(content))
    (module_folder / "secret").write_text("a")
    (module_folder / "folder" / VOLUME.lower().lstrip("/") / "link").symlink_to(module_folder)
    return module_client


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_bad_call_is_refused(
    volumes_client: Client,
    module_folder: Path,
    call: Callable[[Any], Any],
    error: type[Exception],
    message: str,
) -> None:
    before = sorted(module_folder.rglob("*"))
    with pytest.raises(error) as caught:
        call(volumes_client.sdk.files)
    assert message in str(caught.value)
    assert sorted(module_folder.rglob("*")) == before


@pytest.mark.parametrize("kind", ["files", "directories"])
@pytest.mark.parametrize(
    "path", ["Volumes/a/b/c/../../../../x", "..%2F..%2Fx", "Volumes%2F..%2F..%2Fx", "%2Fetc%2Fx"]
)
def test_path_stays_in_the_volumes(
    volumes_client: Client, module_folder: Path, kind: str, path: str
) -> None:
    before = sorted(module_folder.rglob("*"))
    for method, body in (("PUT", b"x"), ("GET", None), ("HEAD", None), ("DELETE", None)):
        status, _ = volumes_client.raw(method, f"/api/2.0/fs/{kind}/{path}", body)
        assert (method, status, sorted(module_folder.rglob("*"))) == (method, 400, before)


@pytest.mark.parametrize(
    ("value", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-9", 200, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=4-2", 416, b""),
        ("bytes=-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
def test_range_of_a_file_is_sent(
    volumes_client: Client, value: str, status: int, content: bytes
) -> None:
    assert fetch_range(volumes_client, "digits", value) == (status, content)


def fetch_range(client: Client, name: str, value: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {client.address.token}", "Range": value}
    return client.raw("GET", f"/api/2.0/fs/files{VOLUME}/{name}", headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "code"),
    [
        ("PUT", f"fs/files{VOLUME}/a", "wrong", 401, "UNAUTHENTICATED"),
        ("PUT", f"fs/files{VOLUME}/a", None, 413, "MAX_REQUEST_SIZE_EXCEEDED"),
        ("POST", "jobs/create", None, 413, "MAX_REQUEST_SIZE_EXCEEDED"),
        ("POST", "jobs/create", "wrong", 401, "UNAUTHENTICATED"),
    ],
)
def test_client_that_sends_a_large_body_gets_an_answer(
    serve: Serve,
    etl_jobs: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    token: str | None,
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr(volumes, "MAX_FILE_BYTES", MAX_BODY_BYTES)
    client = serve(etl_jobs)
    headers = {"Authorization": f"Bearer {token or client.address.token}"}
    answer, error = client.http(method, f"/api/2.0/{path}", LARGE, headers=headers)
    assert (answer, error["error_code"]) == (status, code)
    assert status == 401 or "is larger than the 15 MiB that it may have" in error["message"]


@pytest.mark.parametrize(
    ("date", "status"),
    [
        ("Thu, 01 Jan 1970 00:16:39 GMT", 412),
        ("Thu, 01 Jan 1970 00:16:40 GMT", 206),
        ("Thu, 01 Jan 1970 00:16:41 GMT", 206),
        ("yesterday", 206),
        ("Thu, 01 Jan 99999 00:00:00 GMT", 206),
    ],
)
def test_part_of_a_file_that_has_changed_is_refused(
    volumes_client: Client, module_folder: Path, date: str, status: int
) -> None:
    """The SDK reads large files in parts at once, which have to be of one version."""
    os.utime(module_folder / "folder" / VOLUME.lower().lstrip("/") / "digits", (0, 1000.5))
    headers = {
        "Authorization": f"Bearer {volumes_client.address.token}",
        "Range": "bytes=2-3",
        "If-Unmodified-Since": date,
    }
    url = f"/api/2.0/fs/files{VOLUME}/digits"
    answer, content = volumes_client.raw("GET", url, headers=headers)
    assert (answer, content == b"23") == (status, status == 206)


def test_task_sees_the_same_files(serve: Serve) -> None:
    code = """
        # Databricks notebook source
        from databricks.sdk import WorkspaceClient
        path = dbutils.widgets.get("path")
        files = WorkspaceClient().files
        assert files.download(path).contents.read() == open(path, "rb").read() == b"hello"
        assert dbutils.fs.head("/Volumes/main/default/files/in/a.txt") == "hello"
        dbutils.fs.put("/Volumes/main/default/files/out.txt", "1")
    """
    task = notebook_task("main")
    task["notebook_task"]["base_parameters"] = {"path": f"{VOLUME}/in/a.txt"}
    client = serve({"etl": {"tasks": [task]}}, {"notebook.py": code})
    client.sdk.files.upload(f"{VOLUME}/in/a.txt", io.BytesIO(b"hello"))
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is None, output.error_trace
    contents = client.sdk.files.download(f"{VOLUME}/out.txt").contents
    assert contents is not None
    assert contents.read() == b"1"


def test_kill_during_an_upload_leaves_the_old_file(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    address = ensure_workspace(workspace_folder, etl_bundle)
    client = Client(address, {})
    client.sdk.files.upload(f"{VOLUME}/a", io.BytesIO(b"old"))
    connection = HTTPConnection(urlsplit(address.host).netloc, timeout=DEADLINE)
    connection.putrequest("PUT", f"/api/2.0/fs/files{VOLUME}/a")
    connection.putheader("Authorization", f"Bearer {address.token}")
    connection.putheader("Content-Length", str(100 * 2**20))
    connection.endheaders()
    connection.send(LARGE)
    os.kill(address.pid, signal.SIGKILL)
    wait_until(lambda: not WorkspaceFolder(workspace_folder).is_served(), "its end")
    connection.close()
    (workspace_folder / "unfinished" / "leftover").touch()
    again = Client(ensure_workspace(workspace_folder, etl_bundle), {})
    assert (again.address.host, again.address.pid == address.pid) == (address.host, False)
    contents = again.sdk.files.download(f"{VOLUME}/a").contents
    assert contents is not None
    assert contents.read() == b"old"
    assert not (workspace_folder / "unfinished").exists()
