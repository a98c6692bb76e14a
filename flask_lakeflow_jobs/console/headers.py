"""The headers of the console's responses, and their compression."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable

from flask import Request, Response
from werkzeug.exceptions import HTTPException

#: Pages load this app's own files only, and no inline script or style.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
    " frame-ancestors 'self'"
)

#: Smaller bodies fit into one packet as they are.
MIN_COMPRESSED_BYTES = 1_000

COMPRESSION_LEVEL = 6

_log = logging.getLogger("flask_lakeflow_jobs.web")

#: A nonce of Content Security Policy Level 3, section 2.3.1: base64.
_NONCE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def protect(response: Response, csp_nonce: Callable[[], str] | None) -> Response:
    """Add the headers that protect a page, unless the app has set its own.

    :param csp_nonce: returns the nonce of the current request.
    """
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = _content_security_policy(csp_nonce)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _content_security_policy(csp_nonce: Callable[[], str] | None) -> str:
    """Return the policy; it allows the scripts and styles of the host that carry its nonce."""
    if csp_nonce is None:
        return CONTENT_SECURITY_POLICY
    nonce = csp_nonce()
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
    response.set_data(gzip.compress(body, COMPRESSION_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    return response
