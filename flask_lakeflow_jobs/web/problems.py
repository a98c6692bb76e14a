"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Blueprint, Response, current_app
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from ..errors import InvalidParameters, LakeflowJobsError, UpstreamError

MEDIA_TYPE = "application/problem+json"
NAMESPACE = "urn:problem-type:flask-lakeflow-jobs:"

_log = logging.getLogger(__name__)


def problem(error: LakeflowJobsError) -> dict[str, Any]:
    """The document for an error.

    :param error: one of ours.
    """
    document: dict[str, Any] = {
        "type": NAMESPACE + error.kind,
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
    status over one of ours for all.

    :param routes: ours.
    """
    for status in default_exceptions:
        routes.register_error_handler(status, _respond)
    routes.register_error_handler(HTTPException, _respond)
    routes.register_error_handler(Exception, _respond_to_surprise)


def _respond(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _respond_to_surprise(error.original_exception)
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


def _respond_to_surprise(error: BaseException) -> Response:
    """What nobody foresaw: it is logged, and nothing of it is told."""
    if current_app.debug or current_app.testing:
        raise error
    _log.exception("A route of the jobs API failed.", exc_info=error)
    return respond_with_problem(
        LakeflowJobsError("The app failed to answer. Its log says why; try again later.")
    )


def _response(document: dict[str, Any], error: HTTPException) -> Response:
    response = Response(json.dumps(document), status=document["status"], mimetype=MEDIA_TYPE)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response
