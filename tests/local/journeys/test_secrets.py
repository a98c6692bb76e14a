"""Secrets over HTTP, with the SDK, and in tasks."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)

from flask_lakeflow_jobs.local import Workspace, WorkspaceError
from flask_lakeflow_jobs.local.api import secrets as endpoints
from tests.local.conftest import Serve
from tests.local.support import Client, python_task


def test_secret_is_put_read_listed_and_deleted(client: Client) -> None:
    secrets = client.sdk.secrets
    secrets.create_scope("prod")
    secrets.create_scope("a.b-c_@/d")
    secrets.put_secret("prod", "text", string_value="hunter2 é")
    secrets.put_secret("prod", "bytes", bytes_value=base64.b64encode(b"\x00\xff").decode())
    secrets.put_secret("prod", "text", string_value="hunter22 é")
    assert [each.name for each in secrets.list_scopes()] == ["a.b-c_@/d", "prod"]
    listed = list(secrets.list_secrets("prod"))
    assert [each.key for each in listed] == ["bytes", "text"]
    assert all((each.last_updated_timestamp or 0) > 10**12 for each in listed)
    value = secrets.get_secret("prod", "text").value
    assert base64.b64decode(value or "").decode() == "hunter22 é"
    assert client.sdk.dbutils.secrets.getBytes("prod", "bytes") == b"\x00\xff"
    secrets.delete_secret("prod", "text")
    assert [each.key for each in secrets.list_secrets("prod")] == ["bytes"]
    secrets.delete_scope("prod")
    with pytest.raises(ResourceDoesNotExist):
        secrets.get_secret("prod", "bytes")


ERRORS: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda s: s.create_scope("prod"), ResourceAlreadyExists, "Scope prod already exists!"),
    (lambda s: s.create_scope("a b"), InvalidParameterValue, "scope has to consist of at most 128"),
    (lambda s: s.create_scope("x" * 129), InvalidParameterValue, "at most 128"),
    (lambda s: s.create_scope(""), InvalidParameterValue, "Missing required field: scope"),
    (lambda s: s.delete_scope("x"), ResourceDoesNotExist, "Scope x does not exist!"),
    (lambda s: list(s.list_secrets("x")), ResourceDoesNotExist, "Scope x does not exist!"),
    (lambda s: s.delete_secret("prod", "x"), ResourceDoesNotExist, "and key: x."),
    (lambda s: s.get_secret("prod", "x"), ResourceDoesNotExist, "set LAKEFLOW_SECRET_PROD_X in"),
    (lambda s: s.put_secret("x", "k", string_value="v"), ResourceDoesNotExist, "Scope x does not"),
    (lambda s: s.put_secret("prod", "k"), InvalidParameterValue, "Set one of string_value and"),
    (lambda s: s.put_secret("prod", "k k", string_value="v"), InvalidParameterValue, "key has to"),
    (lambda s: s.put_secret("prod", "k", bytes_value="%"), BadRequest, "bytes_value is not base64"),
    (
        lambda s: s.put_secret("prod", "k", string_value="hunter2" * 20000),
        BadRequest,
        "The secret is larger than 128 KiB.",
    ),
    (
        lambda s: s.put_secret("prod", "k", string_value="hunter2\ud800"),
        BadRequest,
        "half a character",
    ),
]


@pytest.fixture(scope="module")
def secrets(module_client: Client) -> Any:
    """Secrets with the empty scope ``prod``."""
    module_client.sdk.secrets.create_scope("prod")
    return module_client.sdk.secrets


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_bad_call_is_refused_without_the_value(
    secrets: Any,
    caplog: pytest.LogCaptureFixture,
    call: Callable[[Any], Any],
    error: type[Exception],
    message: str,
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(error) as caught:
        call(secrets)
    assert message in str(caught.value)
    assert "hunter2" not in f"{caught.value}{caplog.text}"
    assert [scope.name for scope in secrets.list_scopes()] == ["prod"]
    assert list(secrets.list_secrets("prod")) == []


def test_number_of_scopes_and_secrets_is_limited(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MAX_SCOPES", 1)
    monkeypatch.setattr(endpoints, "MAX_SECRETS", 1)
    secrets = client.sdk.secrets
    secrets.create_scope("prod")
    secrets.put_secret("prod", "a", string_value="1")
    secrets.put_secret("prod", "a", string_value="2")
    with pytest.raises(BadRequest, match=r"Scope prod has 1 secrets\. Delete one first\."):
        secrets.put_secret("prod", "b", string_value="1")
    with pytest.raises(BadRequest, match=r"The workspace has 1 scopes\. Delete one first\."):
        secrets.create_scope("dev")


def test_secrets_survive_a_restart_and_are_private(tmp_path: Path, etl_bundle: Path) -> None:
    folder = tmp_path / "folder"
    with Workspace(etl_bundle, folder) as address:
        secrets = Client(address, {}).sdk.secrets
        secrets.create_scope("prod")
        secrets.put_secret("prod", "key", string_value="hunter2")
    file = folder / "secrets.json"
    assert file.stat().st_mode & 0o777 == 0o600
    with Workspace(etl_bundle, folder) as address:
        assert Client(address, {}).sdk.dbutils.secrets.get("prod", "key") == "hunter2"


def test_secrets_of_a_version_with_permissions_are_read(tmp_path: Path, etl_bundle: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    secret = {"value": "aHVudGVyMg==", "updated": 7}
    content = {"prod": {"acls": {"me": "MANAGE"}, "secrets": {"key": secret}}}
    (tmp_path / "folder" / "secrets.json").write_text(json.dumps(content))
    with Workspace(etl_bundle, tmp_path / "folder") as address:
        secrets = Client(address, {}).sdk.dbutils.secrets
        assert secrets.get("prod", "key") == "hunter2"


SECRET = {"value": "", "updated": 7}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {"prod": []},
        {"prod": {}},
        {"prod": {"secrets": {"key": "hunter2"}}},
        {"prod": {"secrets": {"key": {**SECRET, "value": "hunter2"}}}},
        {"prod": {"secrets": {"key": {**SECRET, "value": None}}}},
        {"prod": {"secrets": {"key": {**SECRET, "updated": "now"}}}},
        {"dev": {"secrets": {"key": SECRET}}, "prod": 7},
    ],
)
def test_damaged_file_of_secrets_is_refused_with_the_way_out(
    etl_bundle: Path, tmp_path: Path, content: Any
) -> None:
    (tmp_path / "folder").mkdir(mode=0o700)
    file = tmp_path / "folder" / "secrets.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(WorkspaceError, match="Move the file away to start without") as caught:
        Workspace(etl_bundle, tmp_path / "folder").start()
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_task_prints_no_secret_that_was_put_while_it_runs(serve: Serve) -> None:
    code = """
        from databricks.sdk import WorkspaceClient
        secrets = WorkspaceClient().secrets
        secrets.create_scope("prod")
        secrets.put_secret("prod", "key", string_value="hunter2")
        value = dbutils.secrets.get("prod", "key")
        assert value == WorkspaceClient().dbutils.secrets.get("prod", "key") == "hunter" + "2"
        secrets.delete_scope("prod")
        print("it is", value)
        raise ValueError(value)
    """
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    output = client.outputs(client.run("etl"))["main"]
    assert (output.logs or "").startswith("it is [REDACTED]\n")
    assert output.error == "ValueError: [REDACTED]"
    # The code itself is in the trace, where it is written.
    assert "ValueError: hunter2" not in f"{output.logs}{output.error_trace}"
