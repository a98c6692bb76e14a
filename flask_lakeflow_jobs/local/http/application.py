"""The WSGI application of the workspace and its route table."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from ..api.auth import AuthEndpoints
from ..api.html import render_home_page, render_run_page
from ..api.jobs import JobEndpoints
from ..api.request import Request
from ..api.runs import RunEndpoints
from ..errors import ApiError, MalformedRequest
from .routes import Handler, Routes, RouteTable

_log = logging.getLogger("flask_lakeflow_jobs.local")

_API_PATH = re.compile(r"/api/(2\.[0-2])/(.+)")
#: What the service does not have is under a path of its own.
_ADDITIONS = "/api/local/"
_API_PREFIX = re.compile(r"/api/[0-9.]+(?=/)")
_RUN_PAGE = re.compile(r"/jobs/([0-9]+)/runs/([0-9]+)")

_MAX_DEPTH = 100  # of a body; what is deeper could be read, but not always processed

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Application:
    """The workspace as a WSGI application.

    :param more: the routes of further APIs.
    """

    def __init__(
        self, auth: AuthEndpoints, jobs: JobEndpoints, runs: RunEndpoints, *more: Routes
    ) -> None:
        self._auth = auth
        self.last_request = time.monotonic()
        own: dict[tuple[str, str], Handler] = {
            ("GET", "jobs/get"): jobs.get,
            ("GET", "jobs/list"): jobs.list,
            ("POST", "jobs/create"): jobs.create,
            ("POST", "jobs/update"): jobs.update,
            ("POST", "jobs/reset"): jobs.reset,
            ("POST", "jobs/delete"): jobs.delete,
            ("POST", "jobs/run-now"): runs.run_now,
            ("POST", "jobs/runs/submit"): runs.submit,
            ("POST", "jobs/runs/repair"): runs.repair,
            ("GET", "jobs/runs/export"): runs.export,
            ("GET", "jobs/runs/get"): runs.get,
            ("GET", "jobs/runs/list"): runs.list,
            ("GET", "jobs/runs/get-output"): runs.get_output,
            ("POST", "jobs/runs/cancel"): runs.cancel,
            ("POST", "jobs/runs/cancel-all"): runs.cancel_all,
            ("POST", "jobs/runs/delete"): runs.delete,
            ("GET", "preview/scim/v2/Me"): lambda request: auth.me(),
        }
        self._routes = RouteTable(ChainMap(own, *map(dict, more)))
        self._additions: dict[tuple[str, str], Handler] = {
            ("GET", f"{_ADDITIONS}task-log"): runs.get_log,
            ("POST", "/telemetry-ext"): _drop_telemetry,
        }

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.last_request = time.monotonic()
        try:
            status, response = 200, self._handle(environ)
        except ApiError as error:
            status, response = error.status, _error_body(environ, error)
        except Exception:
            _log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            status = 500
            response = {
                "error_code": "INTERNAL_ERROR",
                "message": "Internal error of the local workspace. See its log.",
            }
        is_page = isinstance(response, str)
        body = (response if is_page else json.dumps(response)).encode()
        start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [
                ("Content-Type", "text/html; charset=utf-8" if is_page else "application/json"),
                ("Content-Length", str(len(body))),
                *self._auth.headers().items(),
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _handle(self, environ: Environ) -> Any:
        """Return the response: HTML as a string, anything else as JSON."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
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
            if match := _RUN_PAGE.fullmatch(path):
                return render_run_page(match[1], match[2])
        self._auth.check(authorization)
        if match := _API_PATH.fullmatch(path):
            version, endpoint = match.groups()
            if route := self._routes.find(method, endpoint):
                handler, variables = route
                return handler(_read_request(environ, version, variables))
        if addition := self._additions.get((method, path)):
            return addition(_read_request(environ, "local", {}))
        api_path = _API_PREFIX.sub("", path, count=1)
        raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {api_path}'")


def _read_request(environ: Environ, version: str, variables: Mapping[str, str]) -> Request:
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    body = _read_json(environ)
    fields = {**body, **query} if environ["REQUEST_METHOD"] == "GET" else {**query, **body}
    return Request(version, {**fields, **variables})


def _drop_telemetry(request: Request) -> dict[str, Any]:
    """Accept what the Databricks CLI reports about its use, which it would send again."""
    received = len(request.fields.get("protoLogs") or ())
    return {"errors": [], "numSuccess": 0, "numProtoSuccess": received}


def _read_body(environ: Environ) -> bytes:
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _read_json(environ: Environ) -> dict[str, Any]:
    try:
        body = json.loads(_read_body(environ) or b"{}")
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise MalformedRequest("The body has to be an object.")
    if _is_deeper_than(body, _MAX_DEPTH):
        raise MalformedRequest(f"The body is nested more than {_MAX_DEPTH} levels deep.")
    return body


def _is_deeper_than(body: dict[str, Any], levels: int) -> bool:
    level: list[Any] = [body]
    for _ in range(levels):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for values in inner for each in values if isinstance(each, (dict, list))]
    return bool(level)


def _error_body(environ: Environ, error: ApiError) -> dict[str, Any]:
    if environ["PATH_INFO"].startswith("/oidc/"):
        return {"error": error.code, "error_description": error.message}
    request = {
        "@type": "type.googleapis.com/google.rpc.RequestInfo",
        "request_id": str(uuid.uuid4()),
        "serving_data": "",
    }
    return {"error_code": error.code, "message": error.message, "details": [request]}
