"""Advice on what only the author of a task has."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from flask_lakeflow_jobs.local.task_process import surroundings_advice
from flask_lakeflow_jobs.local.task_process.surroundings_advice import advise_on_surroundings


class HTTPError(Exception):
    """An error for a status, as requests has it."""

    def __init__(self, text: str) -> None:
        super().__init__("404 Client Error: Not Found for url: http://127.0.0.1:1/api/2.0/x")
        self.response = SimpleNamespace(text=text)


def _raise_for_missing_variable() -> None:
    os.environ["LAKEFLOW_NO_SUCH_VARIABLE"]


def _raise_for_missing_program() -> None:
    subprocess.run(["lakeflow-no-such-program"], check=True)  # noqa: S607


def _raise_for_missing_key() -> None:
    dict[str, str]()["key"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (FileNotFoundError(2, "none", "/Volumes/main/raw/in/a"), "Copy the file to /Volumes/main"),
        (FileNotFoundError(2, "none", "/tmp/a"), None),
        (FileNotFoundError(2, "none", 3), None),
        (FileNotFoundError("No files: '/Volumes/main/raw/in'."), "Copy the file to /Volumes/main"),
        (FileNotFoundError("No files in https://a.example/b"), None),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: /Volumes/a."), "Copy the file to /Vol"),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: /data"), "Copy the file to /data,"),
        (
            ValueError("[PATH_NOT_FOUND] Path does not exist: file:/a/b c.csv. SQLSTATE: 42K03"),
            "Copy the file to /a/b c.csv,",
        ),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: dbfs:/a"), "Copy the file to dbfs:/a,"),
        (ValueError("Database not found: raw"), "The schema raw is not in the local workspace. C"),
        (ValueError("No value found for placeholder with name :day"), "Give the parameter day a v"),
        (ValueError("The parameter day, to has no value."), "Give the parameter day, to a value: "),
        (ValueError('No files found that match the pattern "/a/*.csv"'), "Copy the file to /a/*.c"),
        (
            ValueError("l. 2: Table with name a does not exist!"),
            "The table a is not in the local w",
        ),
        (
            ValueError("The table or view `a`.`b` cannot be found."),
            "The table `a`.`b` is not in th",
        ),
        (
            Exception("No rows: [TABLE_OR_VIEW_NOT_FOUND] Table or view not found: a"),
            "The table a is not in the local w",
        ),
        (
            ValueError("Registered Model with name=main.ml.a not found"),
            "The model main.ml.a is not in the local workspace. Create",
        ),
        (
            ImportError("cannot import name 'service' from 'google.protobuf' (/a/b.py)"),
            "List a newer version of the package that imports it, such as mlflow>=3, for the task",
        ),
        (
            RuntimeError("[GRAPH_ELEMENT_DEFINED_OUTSIDE_OF_DECLARATIVE_PIPELINE] APIs that"),
            "Run the file in a pipeline, whose tables it defines: list it under 'libraries' of a",
        ),
        (ValueError("No API found for 'GET /x'"), "The local workspace does not serve GET /x. Si"),
        (
            HTTPError('{"message": "No API found for \'GET /x\'"}'),
            "The local workspace does not se",
        ),
        (HTTPError("Job 7 does not exist."), None),
        (
            ValueError("No API found for 'GET /unity-catalog/models'"),
            "The local workspace does not serve GET /unity-catalog/models. Use SQL",
        ),
        (ConnectionError("Failed to resolve 'a.example'"), "This machine cannot reach a.example."),
        (ValueError("ConnectionError: host='a.example'"), "This machine cannot reach a.example."),
        (
            Exception("HTTPSConnectionPool(host='a.example', port=443): Max retries exceeded"),
            "This machine cannot reach a.example.",
        ),
        (
            ConnectionError(
                "HTTPSConnectionPool(host='localhost', port=443): Max retries exceeded"
            ),
            "Write os.environ['DATABRICKS_HOST'] in place of https://",
        ),
        (URLError(socket.gaierror("Name or service not known")), "This machine cannot reach the"),
        (ValueError("Failed to resolve 'a.example'"), None),
        (
            ConnectionError('Could not connect to the endpoint URL: "https://s3.example/b"'),
            "This machine cannot reach s3.example.",
        ),
        (
            type("OperationalError", (Exception,), {})('could not translate host name "db" to'),
            "This machine cannot reach db.",
        ),
        (
            partial(ArgumentParser("load.py").parse_args, ["--day"]),
            "Correct the parameters of the task or of its job: unrecognized arguments: --day.",
        ),
        (partial(sys.exit, 2), None),
        (
            AttributeError("'bytes' object has no attribute 'seekable'"),
            "Write io.BytesIO(…) around the bytes that files.upload gets, or list the version",
        ),
        (_raise_for_missing_variable, "Set LAKEFLOW_NO_SUCH_VARIABLE in the bundle"),
        (_raise_for_missing_key, None),
        (_raise_for_missing_program, "Install the program lakeflow-no-such-program on this mach"),
    ],
)
def test_advice_on_surroundings(error: object, advice: str | None) -> None:
    if callable(error):
        with pytest.raises((KeyError, FileNotFoundError, SystemExit)) as raised:
            error()
        error = raised.value
    assert isinstance(error, BaseException)
    found = advise_on_surroundings(error, {})
    assert found is None if advice is None else (found or "").startswith(advice)


def test_f_string_of_python_3_12_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    error = SyntaxError("f-string: unmatched '('")
    monkeypatch.setattr(surroundings_advice, "_HAS_ANY_EXPRESSION", False)
    assert str(advise_on_surroundings(error, {})).startswith("Run the local workspace on Python 3")
    assert advise_on_surroundings(SyntaxError("invalid syntax"), {}) is None
    monkeypatch.setattr(surroundings_advice, "_HAS_ANY_EXPRESSION", True)
    assert advise_on_surroundings(error, {}) is None


def test_advice_on_a_connection_finds_the_host_that_the_error_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    def download() -> None:
        try:
            urlopen("http://a.example/day.csv")
        except OSError as error:
            raise ConnectionError(str(error)) from error

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for attempt in (
        lambda: urlopen("http://a.example/day.csv"),
        lambda: socket.create_connection(("a.example", 80)),
        download,
    ):
        with pytest.raises(OSError, match="Name or service") as raised:
            attempt()
        advice = advise_on_surroundings(raised.value, {})
        assert (advice or "").startswith("This machine cannot reach a.example. Allow")


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("https://localhost/serving-endpoints", "Write os.environ['DATABRICKS_HOST'] in place of"),
        ("http://localhost:11434/v1", "This machine cannot reach localhost."),
        ("https://a.example/v1", "This machine cannot reach a.example."),
        ("https://a.example:none/v1", "This machine cannot reach the host of the task."),
    ],
)
def test_advice_on_a_refused_connection_reads_the_host_of_the_request(url: str, start: str) -> None:
    """The errors of httpx, which clients of models use, have it in no text."""
    error = type("ConnectError", (Exception,), {"request": SimpleNamespace(url=url)})
    advice = advise_on_surroundings(error("[Errno 111] Connection refused"), {})
    assert (advice or "").startswith(start)


@pytest.mark.parametrize(
    ("request_text", "start"),
    [
        ('unparsed_identifier: "samples.tpch.orders"', "The table samples.tpch.orders is not in"),
        (
            r'query: "SELECT o.orders\nFROM\n  `main`.raw.`orders` o"',
            "The table main.raw.orders is not in the local workspace. Create",
        ),
        ('query: "SELECT o.orders FROM orders o JOIN raw.orders_old"', "The table orders is not"),
        ('unparsed_identifier: "system.orders.jobs"', "The local workspace has no system tables."),
        ('unparsed_identifier: "system.a.orders"', "The local workspace has no system tables."),
        ('"FROM dev.information_schema.orders"', "The local workspace has no system tables."),
    ],
)
def test_advice_on_a_table_names_its_schema_which_sail_leaves_out(
    request_text: str, start: str
) -> None:
    """The request is in the frames of the client of Spark."""
    names: dict[str, Any] = {}
    code = "def read(req): raise ValueError('Table or view not found: orders')"
    exec(compile(code, "site/pyspark/sql/connect/client/core.py", "exec"), names)  # noqa: S102
    with pytest.raises(ValueError, match="not found") as raised:
        names["read"](request_text)
    advice = advise_on_surroundings(raised.value, {})
    assert (advice or "").startswith(start)


MOUNTS = {"/Workspace/b": "/bundle", "/Volumes": "/data/volumes", "/dbfs": "/data/dbfs"}


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/Volumes/a/b/c/d", "Copy the file to /data/volumes/a/b/c/d (in the workspace: /Volumes/"),
        ("/data/volumes/a/b/c/d", "Copy the file to /data/volumes/a/b/c/d, in an earlier task or"),
        (
            "/bundle/in/a.csv",
            "Add the file a.csv to the bundle, or write it in an earlier task: it",
        ),
        (
            "/data/dbfs/abfss:/raw@a.example/in",
            "The local workspace has no access to abfss://raw@a.example/in. Copy the files into",
        ),
        ("/elsewhere/a.csv", None),
    ],
)
def test_advice_on_a_missing_file_names_its_place_on_this_machine(
    path: str, advice: str | None
) -> None:
    found = advise_on_surroundings(FileNotFoundError(2, "none", path), MOUNTS, "/bundle")
    assert found is None if advice is None else (found or "").startswith(advice)


def test_advice_on_a_relative_path_names_the_folder_of_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = advise_on_surroundings(FileNotFoundError(2, "none", "in/a.csv"), {}, str(tmp_path))
    assert (found or "").endswith(f"it is not in the folder {tmp_path}/in.")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("dbfs:/databricks-datasets/a.csv", "/data/dbfs/databricks-datasets/a.csv"),
        ("/mnt/no-such-disk/a.csv", "/data/dbfs/mnt/no-such-disk/a.csv"),
        ("dbfs:/Volumes/main/raw/in/a.csv", "/data/volumes/main/raw/in/a.csv"),
    ],
)
def test_advice_on_a_path_of_dbfs_names_its_place_on_this_machine(path: str, place: str) -> None:
    error = ValueError(f"[PATH_NOT_FOUND] Path does not exist: {path}.")
    found = advise_on_surroundings(error, MOUNTS) or ""
    assert found.startswith(f"Copy the file to {place} (in the workspace: {path})")
