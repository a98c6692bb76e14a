"""The fields of a statement in a request."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.api.statements import (
    parse_statement,
    parse_timeout_action,
    parse_wait_timeout,
)
from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.tasks.statement_runner import StatementRequest, StatementSession
from tests.local.support import Client

WAREHOUSE = "10ca10ca10ca10ca"


def parse(**fields: Any) -> StatementRequest:
    request = Request("2.0", {"statement": "SELECT 1", **fields})
    parse_timeout_action(request, parse_wait_timeout(request))
    return parse_statement(request, StatementSession())


@pytest.mark.parametrize(("text", "seconds"), [(None, 10), ("0s", 0), ("5s", 5), ("50s", 50)])
def test_wait_timeout_is_read_in_seconds(text: str | None, seconds: int) -> None:
    assert parse_wait_timeout(Request("2.0", {"wait_timeout": text})) == seconds


def test_statement_is_read_with_its_parameters_and_limits() -> None:
    parameters = [{"name": "day", "value": "1", "type": "INT"}, {"name": "none"}]
    assert parse(
        catalog="c", schema="s", parameters=parameters, row_limit="7", byte_limit=8, format=None
    ) == StatementRequest(
        "SELECT 1",
        "c",
        "s",
        [
            {"name": "day", "ordinal": None, "value": "1", "type": "INT"},
            {"name": "none", "ordinal": None, "value": None, "type": None},
        ],
        7,
        8,
    )


def test_request_that_names_no_catalog_and_schema_has_those_of_its_session() -> None:
    request = Request("2.0", {"statement": "SELECT 1", "schema": "other"})
    parsed = parse_statement(request, StatementSession("dev", "s"))
    assert (parsed.catalog, parsed.schema) == ("dev", "other")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"statement": " "}, "Missing required field: statement"),
        ({"wait_timeout": "4s"}, "wait_timeout is '4s'. Use 0s, or a time between 5s and 50s."),
        ({"wait_timeout": "10"}, "wait_timeout is '10'."),
        ({"on_wait_timeout": "STOP"}, "Unknown on_wait_timeout 'STOP'. Use one of CONTINUE, "),
        (
            {"on_wait_timeout": "CANCEL", "wait_timeout": "0s"},
            "on_wait_timeout CANCEL needs a wait_timeout above 0s.",
        ),
        ({"disposition": "FILE"}, "Unknown disposition 'FILE'. Use one of INLINE, EXTERNAL_LINKS"),
        ({"format": "CSV"}, "Unknown format 'CSV'. Use one of JSON_ARRAY, ARROW_STREAM."),
        (
            {"format": "ARROW_STREAM"},
            "The disposition INLINE has results in the format JSON_ARRAY only. Use EXTERNAL_LINKS.",
        ),
        ({"row_limit": 0}, "row_limit has to be at least 1."),
        ({"parameters": {}}, "Could not parse request object: Expected array for field param"),
        ({"parameters": [7]}, "Could not parse request object: Expected object for field param"),
        (
            {"parameters": [{"value": "1"}]},
            "Each parameter of a statement needs a name or",
        ),
        ({"parameters": [{"name": "a", "value": 1}]}, "Could not parse request object: Expected"),
    ],
)
def test_invalid_statement_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(**fields)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("method", "path", "fields", "status", "code"),
    [
        ("POST", "", {"statement": "SELECT 1"}, 400, "INVALID_PARAMETER_VALUE"),
        (
            "POST",
            "",
            {"statement": "SELECT 1", "warehouse_id": "x"},
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        ("GET", "/x", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/x/result/chunks/0", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/x/cancel", {}, 404, "RESOURCE_DOES_NOT_EXIST"),
        (
            "POST",
            "",
            {"statement": "SELECT 1", "warehouse_id": WAREHOUSE, "session_id": "x"},
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
    ],
)
def test_unknown_statement_or_warehouse_is_not_found(
    client: Client, method: str, path: str, fields: Any, status: int, code: str
) -> None:
    answer, error = client.http(method, f"/api/2.0/sql/statements{path}", fields)
    assert (answer, error["error_code"]) == (status, code)
