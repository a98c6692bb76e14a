"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

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


def respond_with_problem(error: LakeflowJobsError) -> Response:
    """The response for one of our errors.

    :param error: it.
    """
    if isinstance(error, UpstreamError):
        _log.warning("%s (%s)", error, error.upstream_code or error.kind)
    response = _response(problem(error))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def respond_with_http_problem(error: HTTPException) -> Response:
    """The response for an error of werkzeug's own, raised inside one of our views.

    :param error: it.
    """
    response = _response(
        {
            "type": "about:blank",
            "title": error.name,
            "status": error.code or 500,
            "detail": error.description or error.name,
            "retryable": False,
        }
    )
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def respond_with_failure(error: Exception) -> Response:
    """The response for what nobody foresaw: it is logged, and nothing of it is told.

    :param error: it.
    """
    _log.exception("A route of the jobs API failed.", exc_info=error)
    return respond_with_problem(
        LakeflowJobsError("The app failed to answer. Its log says why; try again later.")
    )


def _response(document: dict[str, Any]) -> Response:
    response = Response(json.dumps(document), status=document["status"], mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response
