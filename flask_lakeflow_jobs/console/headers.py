"""The headers of the console's responses, and their compression."""

from __future__ import annotations

import logging
import re
import zlib

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from .console_state import console_state

#: Pages load this app's own files only, and no inline script or style.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
    " frame-ancestors 'self'"
)

#: Smaller bodies fit into one packet as they are.
MIN_COMPRESSED_BYTES = 1_000

COMPRESSION_LEVEL = 6

#: The format of ``gzip``, with its header and checksum.
GZIP = 16 + zlib.MAX_WBITS

_log = logging.getLogger("flask_lakeflow_jobs.web")

#: A nonce of Content Security Policy Level 3, section 2.3.1: base64.
_NONCE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def protect(response: Response) -> Response:
    """Add the headers that protect a page, unless the app has set its own."""
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = _content_security_policy()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _content_security_policy() -> str:
    """Return the policy; it allows the scripts and styles of the host that carry its nonce."""
    read_nonce = console_state().csp_nonce
    if read_nonce is None:
        return CONTENT_SECURITY_POLICY
    nonce = read_nonce()
    if not _NONCE.fullmatch(nonce or ""):
        _log.error("csp_nonce returned %r, which is not base64. The page allows no nonce.", nonce)
        return CONTENT_SECURITY_POLICY
    allowed = f"'self' 'nonce-{nonce}'"
    return f"{CONTENT_SECURITY_POLICY}; script-src {allowed}; style-src {allowed}"


def retry_after(error: HTTPException) -> dict[str, str]:
    """Return the ``Retry-After`` header of an error, if it has one."""
    return {name: value for name, value in error.get_headers() if name == "Retry-After"}


def compress(response: Response, request: Request) -> Response:
    """Compress the body of a response if the client accepts it and it is worth it.

    The body must not hold a secret beside text that another site can choose.
    """
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) < MIN_COMPRESSED_BYTES or request.accept_encodings.quality("gzip") <= 0:
        return response
    compressor = zlib.compressobj(COMPRESSION_LEVEL, wbits=GZIP)
    response.set_data(compressor.compress(body) + compressor.flush())
    response.headers["Content-Encoding"] = "gzip"
    return response
