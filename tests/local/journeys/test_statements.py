"""Statements of an app, and SQL tasks of its jobs, on one database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.service.sql import (
    Disposition,
    Format,
    StatementParameterListItem,
    StatementResponse,
)

from flask_lakeflow_jobs.local import ManualClock, Workspace
from flask_lakeflow_jobs.local.tasks import statement_runner
from tests.local.conftest import Serve
from tests.local.support import Client, require_duckdb, write_bundle
from tests.support import wait_until

WAREHOUSE = "10ca10ca10ca10ca"
ENDLESS = "SELECT count(*) FROM range(100000000000) AS a, range(1000000) AS b"


@pytest.fixture(autouse=True)
def _duckdb() -> None:
    require_duckdb()


def execute(client: Client, statement: str, **fields: Any) -> StatementResponse:
    """Run a statement, with the longest wait that the API allows."""
    fields = {"wait_timeout": "50s", **fields}
    return client.sdk.statement_execution.execute_statement(statement, WAREHOUSE, **fields)


def state(response: StatementResponse) -> str:
    assert response.status is not None
    assert response.status.state is not None
    return response.status.state.value


def rows(response: StatementResponse) -> list[list[str]] | None:
    assert state(response) == "SUCCEEDED", response
    assert response.result is not None
    return response.result.data_array


def test_statement_sees_the_tables_of_sql_tasks(serve: Serve) -> None:
    file = {"path": "make.sql"}
    task = {"task_key": "make", "sql_task": {"warehouse_id": WAREHOUSE, "file": file}}
    table = "CREATE TABLE lake.s.orders AS SELECT 1 AS id, CAST(2.50 AS DECIMAL(9, 2)) AS price;"
    client = serve({"etl": {"tasks": [task]}}, {"make.sql": table})
    client.run("etl")
    limit = StatementParameterListItem(name="limit", value="3", type="INT")
    query = "SELECT id, price, :limit AS l FROM orders WHERE price < :limit"
    response = execute(client, query, catalog="lake", schema="s", parameters=[limit])
    assert rows(response) == [["1", "2.50", "3"]]
    manifest = response.manifest
    assert manifest is not None
    assert manifest.schema is not None
    assert [(each.name, each.type_text) for each in manifest.schema.columns or []] == [
        ("id", "INT"),
        ("price", "DECIMAL(9,2)"),
        ("l", "INT"),
    ]
    statement_id = str(response.statement_id)
    assert client.sdk.statement_execution.get_statement(statement_id) == response
    assert rows(execute(client, "INSERT INTO lake.s.orders VALUES (2, 1)")) == [["1"]]
    assert rows(execute(client, "CREATE VIEW lake.s.v AS SELECT 1")) is None
    failed = execute(client, "SELECT * FROM nowhere")
    assert failed.status is not None
    assert failed.status.error is not None
    assert str(failed.status.error.message).startswith(
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view nowhere cannot be found. Create it first"
    )


def test_large_result_comes_in_chunks(client: Client) -> None:
    response = execute(client, "SELECT id, repeat('x', 1000) FROM range(9000)")
    first = response.result
    assert first is not None
    assert first.next_chunk_index == 1
    api = client.sdk.statement_execution
    second = api.get_statement_result_chunk_n(str(response.statement_id), 1)
    assert second.row_offset == first.row_count
    assert second.next_chunk_index is None
    numbers = [row[0] for row in [*(first.data_array or []), *(second.data_array or [])]]
    assert numbers == [str(number) for number in range(9000)]
    with pytest.raises(InvalidParameterValue, match="has no chunk 2"):
        api.get_statement_result_chunk_n(str(response.statement_id), 2)
    shorter = execute(client, "SELECT id FROM range(9)", row_limit=2)
    assert rows(shorter) == [["0"], ["1"]]
    assert shorter.manifest is not None
    assert shorter.manifest.truncated


def test_result_behind_links_is_read_without_a_token(
    serve: Serve, etl_jobs: dict[str, Any]
) -> None:
    clock = ManualClock(1_700_000_000.0)
    client = serve(etl_jobs, clock=clock)
    query = "SELECT id, repeat('x', 1000) AS text FROM range(9000)"
    links = {"disposition": Disposition.EXTERNAL_LINKS}
    response = execute(client, query, **links, format=Format.ARROW_STREAM)
    assert response.result is not None
    (first,) = response.result.external_links or []
    api = client.sdk.statement_execution
    chunk = api.get_statement_result_chunk_n(str(response.statement_id), 1)
    (second,) = chunk.external_links or []
    assert (first.next_chunk_index, second.next_chunk_index) == (1, None)
    urls = [str(each.external_link) for each in (first, second)]
    files = [requests.get(url, timeout=60).content for url in urls]
    assert [len(file) for file in files] == [first.byte_count, second.byte_count]
    tables = [pa.ipc.open_stream(file) for file in files]
    numbers = [row["id"] for table in tables for row in table.read_all().to_pylist()]
    assert numbers == list(range(9000))
    as_json = execute(client, "SELECT 1 AS a, NULL AS b", **links)
    assert as_json.result is not None
    (link,) = as_json.result.external_links or []
    assert requests.get(str(link.external_link), timeout=60).json() == [["1", None]]
    other = urls[0].replace("/0?", "/1?")
    clock.advance(901)
    for url in (other, urls[0].partition("?")[0], str(link.external_link)):
        reply = requests.get(url, timeout=60)
        assert (reply.status_code, reply.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_statement_is_canceled_while_others_wait(client: Client) -> None:
    api = client.sdk.statement_execution
    endless = execute(client, ENDLESS, wait_timeout="0s")
    waiting = execute(client, "SELECT 1", wait_timeout="0s")
    following = execute(client, "SELECT 2", wait_timeout="0s")
    wait_until(lambda: state(api.get_statement(str(endless.statement_id))) == "RUNNING", "a start")
    assert state(api.get_statement(str(waiting.statement_id))) == "PENDING"
    for each in (waiting, endless):
        api.cancel_execution(str(each.statement_id))
        assert state(api.get_statement(str(each.statement_id))) == "CANCELED"
    wait_until(
        lambda: state(api.get_statement(str(following.statement_id))) == "SUCCEEDED", "its end"
    )


def test_statements_of_a_session_run_in_its_schema(client: Client) -> None:
    def call(method: str, path: str, **fields: Any) -> Any:
        status, body = client.http(method, f"/api/2.0/sql/{path}", fields)
        assert status == 200, body
        return body

    assert client.http("GET", "/api/2.0/connector-service/feature-flags/PYTHON/4.8.0") == (200, {})
    warehouse = {"warehouse_id": WAREHOUSE}
    session = call("POST", "sessions", catalog="dev", schema="s", **warehouse)
    fields = {**warehouse, **session, "wait_timeout": "50s"}
    located = "SELECT current_catalog(), current_schema(), ?"
    parameter = {"ordinal": 1, "value": "7", "type": "INT"}
    found = []
    for move in ("SELECT 1", "USE SCHEMA other", "USE CATALOG lake"):
        call("POST", "statements", statement=move, **fields)
        reply = call("POST", "statements", statement=located, parameters=[parameter], **fields)
        found += reply["result"]["data_array"]
        call("DELETE", f"statements/{reply['statement_id']}")
    assert found == [["dev", "s", "7"], ["dev", "other", "7"], ["lake", "default", "7"]]
    call("DELETE", f"sessions/{session['session_id']}")


def test_oldest_statements_make_room(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_runner, "MAX_KEPT", 2)
    first, second, third = (str(execute(client, "SELECT 1").statement_id) for _ in range(3))
    api = client.sdk.statement_execution
    with pytest.raises(NotFound, match="keeps the last 2 statements"):
        api.get_statement(first)
    assert [state(api.get_statement(each)) for each in (second, third)] == ["SUCCEEDED"] * 2


def test_tables_of_statements_survive_a_restart(etl_jobs: dict[str, Any], tmp_path: Path) -> None:
    """A statement that runs when the workspace stops is killed, and not kept."""
    (tmp_path / "bundle").mkdir()
    bundle = write_bundle(tmp_path / "bundle", etl_jobs, {})
    with Workspace(bundle, tmp_path / "folder") as address:
        client = Client(address, {})
        execute(client, "CREATE TABLE t AS SELECT 7 AS n")
        lost = execute(client, ENDLESS, wait_timeout="0s")
    with Workspace(bundle, tmp_path / "folder") as address:
        client = Client(address, {})
        assert rows(execute(client, "SELECT n FROM t")) == [["7"]]
        with pytest.raises(NotFound):
            client.sdk.statement_execution.get_statement(str(lost.statement_id))
        results = tmp_path / "folder" / "statements"
        # The folder of a process is removed a moment after its statement has ended.
        wait_until(lambda: len(list(results.iterdir())) == 1, "the results of one statement")
