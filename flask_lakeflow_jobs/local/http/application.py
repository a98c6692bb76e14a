"""The WSGI application of the workspace: each request to its handler, and each error to a reply."""

from __future__ import annotations

import errno
import json
import logging
import math
import re
import sqlite3
import time
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from ..api.auth import AuthEndpoints
from ..api.html import render_home_page, render_job_page
from ..api.replies import RawReply
from ..api.request import Request, Routes, Upload, UploadRoute
from ..errors import ApiError, MalformedRequest
from ..folder import WorkspaceFolder
from .server import MAX_BODY_BYTES, FilePart

_log = logging.getLogger("flask_lakeflow_jobs.local")

_API_PATH = re.compile(r"/api/(2\.[0-2])/(.+)", re.DOTALL)
#: Databricks has no such endpoint.
_TASK_LOG = ("GET", "/api/local/task-log")
_API_PREFIX = re.compile(r"/api/[0-9.]+(?=/)")
#: Of a request without a token, such as one for a token.
_MAX_ANONYMOUS_BODY_BYTES = 2**16
#: Errors of a disk that takes nothing, so that nothing of a request is carried out.
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: Other errors of the disk, and of a process that has opened too many files.
_OUTSIDE = (*_NOT_WRITABLE, errno.EIO, errno.EMFILE, errno.ENFILE)
#: The same in the words of SQLite, whose codes Python 3.10 does not have.
_NOT_WRITABLE_DATABASE = re.compile(r"disk is full|readonly database")
MAX_DEPTH = 100  # of JSON; what is deeper could be read, but not always processed
_VARIABLE = re.compile(r"\{(\w+)(\.\.\.)?\}")
_PAGE = re.compile(r"/jobs/([0-9]+)(?:/runs/([0-9]+))?")

_JOBS_ONLY = "The local workspace runs jobs only. Leave {} out of this target."
_NO_WAREHOUSE = (
    "The local workspace serves no SQL warehouse. Run the statement in a sql_task, or set "
    "DATABRICKS_HOST to a workspace."
)
_NO_UPLOADS = (
    "The local workspace runs the files of its bundle. Add the file there, or upload data to a "
    "volume."
)
#: What to do instead of calling an API that is not served, by the beginning of its paths.
_NOT_SERVED = {
    "sql/": _NO_WAREHOUSE,
    "unity-catalog/models": _JOBS_ONLY.format("registered models"),
    "unity-catalog/": (
        "The local workspace has no Unity Catalog. Create schemas and tables with SQL in a task."
    ),
    "dbfs/": (
        "The local workspace has no DBFS. Use a volume: dbfs:/Volumes/<catalog>/<schema>/<name>."
    ),
    "mlflow/": "The local workspace serves no MLflow. Set MLFLOW_TRACKING_URI to a store.",
    "workspace/": _NO_UPLOADS,
    "workspace-files/": _NO_UPLOADS,
    "pipelines": (
        "The local workspace runs no pipelines. Simulate the job of a pipeline_task with the tag "
        "'local_simulation'."
    ),
    "apps": _JOBS_ONLY.format("apps"),
    "lakeview/": _JOBS_ONLY.format("dashboards"),
    "serving-endpoints": _JOBS_ONLY.format("serving endpoints"),
}

_AFTER_DAMAGE = (
    " Stop the workspace and move its database away to start with an empty one; its runs are lost "
    "then."
)

AnyHandler = TypeVar("AnyHandler")
Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Application:
    """The workspace as a WSGI application.

    :param folder: where the workspace keeps its data.
    :param get_log: returns a part of the log of an attempt.
    :param routes: those of each API.
    """

    def __init__(
        self,
        folder: WorkspaceFolder,
        auth: AuthEndpoints,
        get_log: Callable[[Request], Any],
        *routes: Routes,
    ) -> None:
        self._folder = folder
        self._auth = auth
        self.last_request = time.monotonic()
        self._routes = RouteTable(ChainMap(*map(dict, routes)))
        self._get_log = get_log

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.last_request = time.monotonic()
        try:
            status, response = 200, self._handle(environ)
        except ApiError as error:
            status, response = error.status, _error_body(environ, error)
        except Exception as error:
            status, response = self._describe_failure(environ, error)
        reply = response if isinstance(response, RawReply) else _to_reply(status, response)
        headers = {"Content-Length": str(reply.length), **reply.headers, **self._auth.headers()}
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", [*headers.items()])
        if isinstance(reply.body, bytes):
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [reply.body]
        if environ["REQUEST_METHOD"] == "HEAD":
            reply.body.file.close()
            return []
        return FilePart(reply.body.file)

    def max_body_bytes(self, method: str, path: str, authorization: str) -> int:
        """Return the size of the largest body of a request."""
        try:
            self._auth.check(authorization)
        except ApiError:
            return _MAX_ANONYMOUS_BODY_BYTES
        match = _API_PATH.fullmatch(path)
        route = match and self._routes.find(method, match[2])
        handler = route[0] if route else None
        return handler.max_bytes if isinstance(handler, UploadRoute) else MAX_BODY_BYTES

    def _handle(self, environ: Environ) -> Any:
        """Return the response: HTML as a string, a reply, anything else as JSON."""
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="surrogateescape")
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if path == "/.well-known/databricks-config":
            return self._auth.host_metadata()
        if path == "/oidc/.well-known/oauth-authorization-server":
            return self._auth.oauth_metadata()
        if path == "/oidc/v1/token" and method == "POST":
            return self._auth.issue_token(authorization, _read_body(environ).decode("latin-1"))
        if method in {"GET", "HEAD"}:
            if path == "/":
                return render_home_page()
            if match := _PAGE.fullmatch(path):
                return render_job_page(*match.groups())
        self._auth.check(authorization)
        _check_size(environ, self.max_body_bytes(method, environ["PATH_INFO"], authorization))
        if match := _API_PATH.fullmatch(path):
            version, endpoint = match.groups()
            if route := self._routes.find(method, endpoint):
                handler, variables = route
                if isinstance(handler, UploadRoute):
                    return handler.handle(_read_upload(environ, version, variables))
                return handler(_read_request(environ, version, variables))
        if (method, path) == _TASK_LOG:
            return self._get_log(_read_request(environ, "local", {}))
        raise ApiError(404, "ENDPOINT_NOT_FOUND", _describe_missing(method, path))

    def _describe_failure(self, environ: Environ, error: Exception) -> tuple[int, Any]:
        """Log an error that no request should cause; return the response."""
        is_database = type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)
        is_outside = is_database or (isinstance(error, OSError) and error.errno in _OUTSIDE)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        # The log may be on the same full disk.
        _log.error("%s %s failed: %s", method, path, error, exc_info=None if is_outside else error)
        if _is_not_writable(error):
            # After a 500, a client repeats the request, and cannot know that nothing happened.
            body = {"error_code": "INVALID_STATE", "message": str(self._folder.unusable(error))}
            return 507, body
        message = "Internal error of the local workspace. See its log."
        if is_outside:
            remedy = _AFTER_DAMAGE if type(error) is sqlite3.DatabaseError else ""
            message = f"The local workspace cannot use its folder: {error}.{remedy}"
        return 500, {"error_code": "INTERNAL_ERROR", "message": message}


def _describe_missing(method: str, path: str) -> str:
    """Return what to do instead of a request that no endpoint serves."""
    path = _API_PREFIX.sub("", path, count=1)
    for prefix, message in _NOT_SERVED.items():
        if path.startswith(f"/{prefix}"):
            return message
    return f"No API found for '{method} {path}'"


def _is_not_writable(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NOT_WRITABLE
    return _NOT_WRITABLE_DATABASE.search(str(error)) is not None


def _check_size(environ: Environ, limit: int) -> None:
    if int(environ.get("CONTENT_LENGTH") or 0) > limit:
        raise ApiError(
            413,
            "MAX_REQUEST_SIZE_EXCEEDED",
            f"The body of the request is larger than the {limit // 2**20} MiB that it may have.",
        )


def _read_request(environ: Environ, version: str, variables: Mapping[str, str]) -> Request:
    query, body = _read_query(environ), _read_fields(environ)
    fields = {**body, **query} if environ["REQUEST_METHOD"] == "GET" else {**query, **body}
    conditions = environ.get("HTTP_RANGE", ""), environ.get("HTTP_IF_UNMODIFIED_SINCE", "")
    return Request(version, {**fields, **variables}, *conditions)


def _read_upload(environ: Environ, version: str, variables: Mapping[str, str]) -> Upload:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    fields = {**_read_query(environ), **variables}
    return Upload(version, fields, body=environ["wsgi.input"], length=length)


def _read_query(environ: Environ) -> dict[str, str]:
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def _to_reply(status: int, response: Any) -> RawReply:
    is_page = isinstance(response, str)
    content_type = "text/html; charset=utf-8" if is_page else "application/json"
    body = (response if is_page else json.dumps(response)).encode()
    return RawReply(status, {"Content-Type": content_type}, body)


def _error_body(environ: Environ, error: ApiError) -> dict[str, Any]:
    if environ["PATH_INFO"].startswith("/oidc/"):
        return {"error": error.code, "error_description": error.message}
    request = {
        "@type": "type.googleapis.com/google.rpc.RequestInfo",
        "request_id": str(uuid.uuid4()),
        "serving_data": "",
    }
    details: list[dict[str, Any]] = [request]
    if error.reason:
        info = {"reason": error.reason, "domain": "filesystem.databricks.com"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info})
    return {"error_code": error.code, "message": error.message, "details": details}


def _read_body(environ: dict[str, Any]) -> bytes:
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _read_fields(environ: dict[str, Any]) -> dict[str, Any]:
    """Read the fields of a body.

    :raises ApiError: the body is malformed.
    """
    content = _read_body(environ) or b"{}"
    try:
        text = content.decode(json.detect_encoding(content))
        body = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The body has to be an object.")
    if _is_deeper_than(body, MAX_DEPTH):
        raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if ("\\ud" in text or "\\uD" in text) and _has_surrogates(body):
        raise MalformedRequest("The body contains half a character: a lone surrogate.")
    return body


def _to_number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


# Made once: ``json.loads`` with options makes a decoder for each call. JSON has no infinity and no
# NaN: no other client could read a job that has one.
_DECODER = json.JSONDecoder(parse_constant=_to_number, parse_float=_to_number)


def _has_surrogates(body: dict[str, Any]) -> bool:
    """Return whether a body has text that can be neither encoded nor saved."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_deeper_than(body: dict[str, Any], levels: int) -> bool:
    level: list[Any] = [body]
    for _ in range(levels):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for values in inner for each in values if isinstance(each, (dict, list))]
        if not level:
            return False
    return True


class RouteTable(Generic[AnyHandler]):
    """Find the handler of a request."""

    def __init__(self, routes: Mapping[tuple[str, str], AnyHandler]) -> None:
        self._fixed = {key: each for key, each in routes.items() if "{" not in key[1]}
        self._variable = [
            (method, _compile(path), handler)
            for (method, path), handler in routes.items()
            if "{" in path
        ]

    def find(self, method: str, path: str) -> tuple[AnyHandler, dict[str, str]] | None:
        """Return the handler of a path, and the variables in it. A fixed path comes first."""
        if handler := self._fixed.get((method, path)):
            return handler, {}
        for own_method, pattern, handler in self._variable:
            if own_method == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None


def _compile(path: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for match in _VARIABLE.finditer(path):
        pattern += re.escape(path[end : match.start()])
        pattern += f"(?P<{match[1]}>.+)" if match[2] else f"(?P<{match[1]}>[^/]+)"
        end = match.end()
    return re.compile(pattern + re.escape(path[end:]), re.DOTALL)
