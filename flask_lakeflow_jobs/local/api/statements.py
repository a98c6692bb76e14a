"""Endpoints of the Statement Execution API: ``sql/statements/…`` and ``sql/sessions/…``.

Sessions are not documented. Source: databricks-sql-connector, ``backend/sea``.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ..errors import InvalidParameterValue
from ..tasks.statement_runner import (
    ANY_DISPOSITION,
    ARROW,
    INLINE,
    JSON,
    LINKS,
    SUCCEEDED,
    Statement,
    StatementRequest,
    StatementRunner,
    StatementSession,
    StatementSessions,
)
from .replies import RawReply
from .request import PathRoutes, Request, Routes
from .serializers import Json
from .warehouses import WarehouseEndpoints

_DEFAULT_WAIT_SECONDS = 10
_WAIT = re.compile(r"([0-9]{1,2})s")
_TIMEOUT_ACTIONS = ("CONTINUE", "CANCEL")


class StatementEndpoints:
    """The handlers of ``sql/statements/…`` and ``sql/sessions/…``.

    :param runner: runs the statements.
    :param warehouses: on which they run.
    :param sign_link: returns a link to a path that needs no token, and when it expires.
    :param waiting: entered while a request waits for the end of its statement; its value is whether
        the request may wait.
    """

    def __init__(
        self,
        runner: StatementRunner,
        warehouses: WarehouseEndpoints,
        sign_link: Callable[[str], Json],
        waiting: Callable[[], AbstractContextManager[bool]],
    ) -> None:
        self._runner = runner
        self._warehouses = warehouses
        self._sign_link = sign_link
        self._waiting = waiting
        self._sessions = StatementSessions()
        self.routes: Routes = {
            ("POST", "sql/sessions"): self.open_session,
            ("DELETE", "sql/sessions/{id}"): self.close_session,
            ("POST", "sql/statements"): self.execute,
            ("GET", "sql/statements/{id}"): self.get,
            ("DELETE", "sql/statements/{id}"): self.cancel,
            ("GET", "sql/statements/{id}/result/chunks/{index}"): self.get_chunk,
            ("POST", "sql/statements/{id}/cancel"): self.cancel,
            # The connector reads them first, and warns if it cannot.
            ("GET", "connector-service/feature-flags/{client}/{version}"): lambda request: {},
        }
        #: The results behind links, by their whole paths.
        self.links: PathRoutes = {("GET", "/results/{id}/{index}"): self.get_result}

    def open_session(self, request: Request) -> Json:
        """``POST sql/sessions``; the configuration of a session has no effect."""
        self._warehouses.wake(request.require_text("warehouse_id"))
        session = StatementSession(
            request.read_text("catalog") or "", request.read_text("schema") or ""
        )
        return {"session_id": self._sessions.open(session)}

    def close_session(self, request: Request) -> Json:
        """``DELETE sql/sessions/{id}``."""
        self._sessions.close(request.fields["id"])
        return {}

    def execute(self, request: Request) -> Json:
        """``POST sql/statements``: run a statement, and wait for its end for a while."""
        seconds = parse_wait_timeout(request)
        action = parse_timeout_action(request, seconds)
        session_id = request.read_text("session_id")
        session = self._sessions.find(session_id) if session_id else None
        statement_request = parse_statement(request, session or StatementSession())
        self._warehouses.wake(request.require_text("warehouse_id"))
        statement = self._runner.start(statement_request, session)
        if not seconds:
            return self._serialize(statement)
        with self._waiting() as may_wait:
            has_ended = statement.ended.wait(seconds if may_wait else 0)
        if not has_ended and may_wait and action == "CANCEL":
            self._runner.cancel(statement)
        return self._serialize(statement)

    def get(self, request: Request) -> Json:
        return self._serialize(self._runner.find(request.fields["id"]))

    def get_chunk(self, request: Request) -> Json:
        return self._serialize_chunk(*self._find_chunk(request))

    def get_result(self, request: Request) -> RawReply:
        """``GET /results/{id}/{index}``: a chunk as a file."""
        statement, index = self._find_chunk(request)
        is_json = statement.request.format == JSON
        content_type = "application/json" if is_json else "application/vnd.apache.arrow.stream"
        headers = {"Content-Type": content_type}
        return RawReply(200, headers, self._runner.read_chunk(statement, index))

    def _find_chunk(self, request: Request) -> tuple[Statement, int]:
        statement = self._runner.find(request.fields["id"])
        index = request.require_int("index")
        if not 0 <= index < len(statement.chunks):
            raise InvalidParameterValue(
                f"The statement has no chunk {index} of a result; its state is {statement.state}, "
                f"and it has {len(statement.chunks)} chunks."
            )
        return statement, index

    def cancel(self, request: Request) -> Json:
        self._runner.cancel(self._runner.find(request.fields["id"]))
        return {}

    def _serialize(self, statement: Statement) -> Json:
        status: Json = {"state": statement.state}
        shape: Json = {"statement_id": statement.statement_id, "status": status}
        if statement.error:
            status["error"] = {"error_code": "BAD_REQUEST", "message": statement.error}
        if statement.state == SUCCEEDED:
            shape["manifest"] = _serialize_manifest(statement)
            shape["result"] = self._serialize_chunk(statement, 0) if statement.chunks else {}
        return shape

    def _serialize_chunk(self, statement: Statement, index: int) -> Json:
        chunk, wanted = statement.chunks[index], statement.request
        shape: Json = {
            "chunk_index": index,
            "row_offset": chunk["row_offset"],
            "row_count": chunk["row_count"],
        }
        if wanted.disposition == LINKS:
            link = self._sign_link(f"/results/{statement.statement_id}/{index}")
            shape |= {"byte_count": chunk["byte_count"], **link}
        elif wanted.format == ARROW:
            shape["attachment"] = b64encode(self._runner.read_chunk(statement, index)).decode()
        else:
            shape["data_array"] = self._runner.read_rows(statement, index)
        if index + 1 < len(statement.chunks):
            path = f"/api/2.0/sql/statements/{statement.statement_id}/result/chunks/{index + 1}"
            shape |= {"next_chunk_index": index + 1, "next_chunk_internal_link": path}
        return {"external_links": [shape]} if wanted.disposition == LINKS else shape


def parse_wait_timeout(request: Request) -> int:
    """Read the time for which the request waits, in seconds.

    :raises ApiError: it is neither 0 nor between 5 and 50 seconds.
    """
    text = request.read_text("wait_timeout")
    if text is None:
        return _DEFAULT_WAIT_SECONDS
    match = _WAIT.fullmatch(text)
    seconds = int(match[1]) if match else -1
    if seconds != 0 and not 5 <= seconds <= 50:
        raise InvalidParameterValue(
            f"wait_timeout is {text!r}. Use 0s, or a time between 5s and 50s."
        )
    return seconds


def parse_timeout_action(request: Request, seconds: int) -> str:
    """Read what happens to a statement that has not ended by then.

    :param seconds: for which the request waits.
    :raises ApiError: it is unknown, or the request does not wait.
    """
    action = request.read_choice("on_wait_timeout", _TIMEOUT_ACTIONS) or "CONTINUE"
    if action == "CANCEL" and seconds == 0:
        raise InvalidParameterValue("on_wait_timeout CANCEL needs a wait_timeout above 0s.")
    return action


def parse_statement(request: Request, session: StatementSession) -> StatementRequest:
    """Read a statement, its parameters and its limits.

    :param session: has the catalog and the schema of a request that names none.
    :raises ApiError: a field is invalid, or results of this form are not returned here.
    """
    statement = request.require_text("statement")
    disposition = request.read_choice("disposition", (INLINE, LINKS, ANY_DISPOSITION)) or INLINE
    result_format = request.read_choice("format", (JSON, ARROW)) or JSON
    if (disposition, result_format) == (INLINE, ARROW):
        raise InvalidParameterValue(
            f"The disposition {INLINE} has results in the format {JSON} only. Use {LINKS}."
        )
    return StatementRequest(
        statement,
        request.read_text("catalog") or session.catalog,
        request.read_text("schema") or session.schema,
        [_parse_parameter(each) for each in request.read_items("parameters")],
        _parse_limit(request, "row_limit"),
        _parse_limit(request, "byte_limit"),
        disposition,
        result_format,
    )


def _parse_parameter(item: Request) -> dict[str, Any]:
    name, ordinal = item.read_text("name"), item.read_int("ordinal")
    if not (name or ordinal):
        raise InvalidParameterValue("Each parameter of a statement needs a name or an ordinal.")
    value, kind = item.read_text("value"), item.read_text("type")
    return {"name": name, "ordinal": ordinal, "value": value, "type": kind}


def _parse_limit(request: Request, name: str) -> int:
    limit = request.read_int(name)
    if limit is not None and limit < 1:
        raise InvalidParameterValue(f"{name} has to be at least 1.")
    return limit or 0


def _serialize_manifest(statement: Statement) -> Json:
    schema: Json = {"column_count": len(statement.columns)}
    if statement.columns:
        schema["columns"] = statement.columns
    manifest: Json = {
        "format": statement.request.format,
        "schema": schema,
        "total_chunk_count": len(statement.chunks),
        "total_row_count": sum(chunk["row_count"] for chunk in statement.chunks),
        "total_byte_count": statement.size,
        "truncated": statement.is_truncated,
    }
    if statement.chunks:
        manifest["chunks"] = [
            {"chunk_index": index, **chunk} for index, chunk in enumerate(statement.chunks)
        ]
    return manifest
