"""Advice on what only the author of a task has."""

from __future__ import annotations

import os
import socket
from urllib.error import URLError

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.surroundings_advice import find_advice


def _raise_for_missing_variable() -> None:
    os.environ["LAKEFLOW_NO_SUCH_VARIABLE"]


def _raise_for_missing_key() -> None:
    dict[str, str]()["key"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (FileNotFoundError(2, "none", "/Volumes/main/raw/in/a"), "Copy the file to /Volumes/main"),
        (FileNotFoundError(2, "none", "/tmp/a"), None),
        (FileNotFoundError(2, "none", 3), None),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: /Volumes/a."), "Copy the file to /Vol"),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: /data"), "Copy the file to /data,"),
        (ValueError("[PATH_NOT_FOUND] Path does not exist: dbfs:/a"), "Copy the file to dbfs:/a,"),
        (ValueError("No value found for placeholder with name :day"), "Give the parameter day a v"),
        (ValueError("No API found for 'GET /x'"), "The local workspace does not serve GET /x. Si"),
        (ConnectionError("Failed to resolve 'a.example'"), "This machine cannot reach a.example."),
        (ValueError("ConnectionError: host='a.example'"), "This machine cannot reach a.example."),
        (URLError(socket.gaierror("Name or service not known")), "This machine cannot reach the"),
        (ValueError("Failed to resolve 'a.example'"), None),
        (_raise_for_missing_variable, "Set LAKEFLOW_NO_SUCH_VARIABLE in the bundle"),
        (_raise_for_missing_key, None),
    ],
)
def test_advice_on_surroundings(error: object, advice: str | None) -> None:
    if callable(error):
        with pytest.raises(KeyError) as raised:
            error()
        error = raised.value
    assert isinstance(error, BaseException)
    found = find_advice(error)
    assert found is None if advice is None else (found or "").startswith(advice)
