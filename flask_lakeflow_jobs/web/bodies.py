"""The bodies of requests: JSON objects and forms, of limited size.

A body that is not JSON raises :exc:`UnsupportedMediaType`, one that is too large
:exc:`RequestEntityTooLarge`, and one that is malformed :exc:`InvalidRequest`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import IO, Any, cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

from ..errors import InvalidRequest, UnsupportedMediaType, quote
from ..text import parse_json
from .csrf import SAFE_METHODS

MAX_BODY_BYTES = 1024 * 1024

FORM_TYPE = "application/x-www-form-urlencoded"

_INCOMPLETE = (
    "The request body is incomplete, so the request was not carried out. The body was"
    " truncated, or the app read it without caching it: use request.get_data() or"
    " get_json()."
)
_CHUNKED = "Send the body with Content-Length: the app's server passes no chunked bodies on."


def read_object(
    request: Request, example: str, members: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the JSON object in a body; an empty body is an empty object.

    :param members: those that it may have; ``None``: the caller checks them.
    """
    body = read_body(request)
    if len(body) < _min_body_length(request):
        can_read = not _is_chunked(request) or request.environ.get("wsgi.input_terminated")
        raise InvalidRequest(_INCOMPLETE if can_read else _CHUNKED)
    if not body and not request.mimetype:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType(
            f'Send the body as JSON, {example}, with "Content-Type: application/json".'
        )
    try:
        document = parse_json(body) if body else {}
    except ValueError as error:
        if encoding := request.headers.get("Content-Encoding"):
            raise UnsupportedMediaType(
                f"Send the body without 'Content-Encoding': {quote(encoding)} is not decoded."
            ) from None
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body must be a JSON object: {example}.")
    unknown = [] if members is None else sorted(set(document) - {*members})
    if unknown:
        raise InvalidRequest(
            f"Unknown members in the body: {quote(unknown)}. The body must be {example}."
        )
    return document


def read_body(request: Request) -> bytes:
    """Read and cache the body of a request.

    :raises RequestEntityTooLarge: the body is too large.
    :raises InvalidRequest: the server cannot read the body.
    """
    if request.content_length is None:
        # Limit a body of unknown length too. Data that the app has read already is cached.
        limited = LimitedStream(request.stream, MAX_BODY_BYTES + 1, is_max=True)
        request.stream = cast("IO[bytes]", limited)
    is_too_large = (request.content_length or 0) > MAX_BODY_BYTES
    try:
        body = b"" if is_too_large else request.get_data()
    except RequestEntityTooLarge:
        raise
    except Exception as error:  # of a client that left, or the server's own for a malformed chunk
        raise InvalidRequest(
            "The request body cannot be read: it is malformed or incomplete."
        ) from error
    if is_too_large or len(body) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return body


def read_form(request: Request) -> None:
    """Read the body of a form into the cache, before anything parses it; pages have none.

    :raises UnsupportedMediaType: the body is not that of a form without files.
    :raises RequestEntityTooLarge: the body is too large.
    """
    if request.method in SAFE_METHODS:
        return
    if request.mimetype not in ("", FORM_TYPE):
        raise UnsupportedMediaType(f"Send a form as {FORM_TYPE}: no form here has files.")
    read_body(request)


def _min_body_length(request: Request) -> int:
    """Return the bytes that the headers promise: not every server fails if a body is truncated."""
    if _is_chunked(request):
        return int(request.mimetype != "")
    return request.content_length or 0


def _is_chunked(request: Request) -> bool:
    return request.headers.get("Transfer-Encoding", "").lower() == "chunked"
