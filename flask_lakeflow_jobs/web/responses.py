"""JSON responses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..upstream.read_cache import CachedResponse

#: Keeps browsers from taking a response, which quotes jobs and runs, for a page.
NOSNIFF = {"X-Content-Type-Options": "nosniff"}

HEADERS = {"Cache-Control": "no-store", **NOSNIFF}


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
    response = Response(text, status, mimetype=mimetype)
    for name, value in HEADERS.items():
        response.headers.add(name, value)
    return response
