"""JSON responses, and errors as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from ..errors import (
    InvalidParameters,
    JobNotFound,
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
)

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..upstream.read_cache import CachedResponse

#: Keeps browsers from taking a response, which quotes jobs and runs, for a page.
NOSNIFF = {"X-Content-Type-Options": "nosniff"}

HEADERS = {"Cache-Control": "no-store", **NOSNIFF}

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE_PREFIX = "urn:problem-type:flask-lakeflow-jobs:"

#: Statuses of the app's own errors, such as a rate limit or maintenance, that pass.
RETRYABLE_STATUSES = frozenset({408, 425, 429, 502, 503, 504})

#: Invalid members that a document describes. A body may have 100,000.
MAX_INVALID_MEMBERS = 100

_log = logging.getLogger("flask_lakeflow_jobs.web")


def encode_read(view: str, job: Job, cached: CachedResponse, build: Callable[[], Any]) -> str:
    """Return the JSON text of a response to a read. Equal reads are encoded once.

    :param view: several views respond to the same read, each in its own way.
    :param job: several keys of one job may redact different values.
    :param cached: the read from which ``build`` makes the response.
    """
    return cached.keep_text((view, job.key), lambda: encode_json(build()))


def encode_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def with_age(response: Response, cached: CachedResponse) -> Response:
    """Add the age of the read, and that it is stale (RFC 9211) if the workspace did not respond."""
    if cached.age >= 1:
        response.headers["Age"] = str(int(cached.age))
    if cached.is_stale:
        response.headers["Cache-Status"] = f"lakeflow-jobs; hit; ttl=-{int(cached.age)}"
    return response


def json_response(value: Any) -> Response:
    return text_response(encode_json(value))


def text_response(text: str, *, status: int = 200, mimetype: str = "application/json") -> Response:
    response = Response(text, status, content_type=mimetype)
    for name, value in HEADERS.items():
        response.headers.add(name, value)
    return response


def build_problem(error: LakeflowJobsError) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE_PREFIX + error.kind,
        "title": error.title,
        "status": error.code,
        "detail": error.public_detail or error.detail,
        "retryable": error.retryable,
    }
    if isinstance(error, InvalidParameters):
        document["errors"] = _limit(error.messages)
    if error.upstream_code is not None:
        document["upstream_code"] = error.upstream_code
    return document


def _limit(messages: Any) -> Any:
    if not isinstance(messages, Mapping):
        return messages
    return {name: _limit(each) for name, each in islice(messages.items(), MAX_INVALID_MEMBERS)}


def register_error_handlers(blueprint: Blueprint) -> None:
    """Respond to every error in the blueprint's views, and no other, with a problem document.

    Each status has a handler of its own: Flask prefers an app's handler for a status to a
    blueprint's handler for all of them. Exceptions that the app handles are left to the app. All
    others arrive as Flask's ``InternalServerError``, which Flask has logged.
    """
    for status in default_exceptions:
        blueprint.register_error_handler(status, respond_with_problem)
    blueprint.register_error_handler(HTTPException, respond_with_problem)


def respond_with_problem(error: HTTPException) -> Response:
    if error.response is not None:  # the app has chosen it, as for its own rate limit
        return cast("Response", error.response)
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        # It does not advise to repeat the request: a run may have started.
        error = LakeflowJobsError("The app failed to process the request. See the app's log.")
    log_failure(error)
    document = _build_any_problem(error)
    text = json.dumps(document, default=str)  # a message may be a lazy translation
    response = text_response(text, status=document["status"], mimetype=PROBLEM_JSON)
    response.headers.update(error_headers(error))
    return response


def error_headers(error: HTTPException) -> Headers:
    """Return the headers of an error, such as ``Retry-After`` or the challenges of a login."""
    headers = Headers(error.get_headers())
    headers.remove("Content-Type")  # that of werkzeug's page
    return headers


def log_failure(error: HTTPException) -> None:
    """Log an error of the workspace or of the record, which the operator should know.

    A policy's refusal has no code of the workspace.
    """
    if isinstance(error, LakeflowJobsError) and (
        isinstance(error, UpstreamError | JobNotFound)
        or (isinstance(error, NotAllowed) and error.upstream_code is not None)
        or error.public_detail is not None
    ):
        _log.warning("%s (%s)", error, error.upstream_code or error.kind)


def _build_any_problem(error: HTTPException) -> dict[str, Any]:
    if isinstance(error, LakeflowJobsError):
        return build_problem(error)
    return {
        "type": "about:blank",
        "title": error.name,
        "status": error.code or 500,
        "detail": error.description or error.name,
        "retryable": error.code in RETRYABLE_STATUSES,
    }
