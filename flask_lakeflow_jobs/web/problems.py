"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from ..errors import InvalidParameters, LakeflowJobsError, UpstreamError

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE_PREFIX = "urn:problem-type:flask-lakeflow-jobs:"

_log = logging.getLogger("flask_lakeflow_jobs.web")


def problem(error: LakeflowJobsError) -> dict[str, Any]:
    """The document for an error.

    :param error: one of ours.
    """
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE_PREFIX + error.kind,
        "title": error.title,
        "status": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
    }
    if isinstance(error, InvalidParameters):
        document["errors"] = error.messages
    if error.upstream_code is not None:
        document["upstream_code"] = error.upstream_code
    return document


def register_error_handlers(routes: Blueprint) -> None:
    """Answer every error inside our routes with a problem document, and no error outside them.

    Each status has a handler of its own, since Flask prefers one of the host's for that very
    status over one of ours for all. What the host raises and handles itself is left to it; what
    nobody does comes as Flask's own error 500, logged already.

    :param routes: ours.
    """
    for status in default_exceptions:
        routes.register_error_handler(status, _respond)
    routes.register_error_handler(HTTPException, _respond)


def _respond(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        error = LakeflowJobsError("The app failed to answer. Its log says why; try again later.")
    if isinstance(error, LakeflowJobsError):
        return respond_with_problem(error)
    return _respond_to_foreign(error)


def respond_with_problem(error: LakeflowJobsError) -> Response:
    """The response for one of our errors.

    :param error: it.
    """
    if isinstance(error, UpstreamError):
        _log.warning("%s (%s)", error, error.upstream_code or error.kind)
    return _response(problem(error), error)


def _respond_to_foreign(error: HTTPException) -> Response:
    """An error of werkzeug's own, raised inside one of our views."""
    return _response(
        {
            "type": "about:blank",
            "title": error.name,
            "status": error.code or 500,
            "detail": error.description or error.name,
            "retryable": False,
        },
        error,
    )


def _response(document: dict[str, Any], error: HTTPException) -> Response:
    text = json.dumps(document, default=str)  # a message may be translated late
    response = Response(text, status=document["status"], mimetype=PROBLEM_JSON)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response
