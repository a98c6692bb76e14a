"""Responses of the console: templates in an environment of their own, headers and compression."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable
from typing import Any, cast

from flask import Request, Response, current_app, render_template
from jinja2 import Environment, Undefined
from markupsafe import Markup

from ..errors import NotAllowed
from ..globals import current_state
from ..pages import page_url
from ..web.authorization import current_authorizer

#: The key of an app's environment in ``app.extensions``.
ENVIRONMENT_KEY = "lakeflow_jobs.environment"

#: The key of the host's function that returns the nonce of the current request.
CSP_NONCE = "lakeflow_jobs.csp_nonce"

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


def template_environment() -> Environment:
    """Return the environment of the current app, with the defaults of Jinja: the app may have
    changed them for its own templates."""
    extensions = current_app.extensions
    if ENVIRONMENT_KEY not in extensions:
        environment = extensions[ENVIRONMENT_KEY] = current_app.jinja_env.overlay(
            block_start_string="{%",
            block_end_string="%}",
            variable_start_string="{{",
            variable_end_string="}}",
            comment_start_string="{#",
            comment_end_string="#}",
            line_statement_prefix=None,
            line_comment_prefix=None,
            autoescape=True,
            undefined=Undefined,
        )
        environment.is_async = False
    return cast("Environment", extensions[ENVIRONMENT_KEY])


def render(template: str, **given: Any) -> Markup:
    """Render a template of the console, with the time; what cannot be encoded is replaced."""
    found = template_environment().get_template(f"lakeflow_jobs/{template}")
    own = {"now": current_state().clock.now() * 1000, "nonce_attribute": {"nonce": _read_nonce()}}
    text = render_template(found, url_for=page_url, **own, **given)
    return Markup(text.encode(errors="replace").decode())  # noqa: S704


def render_page(template: str, **given: Any) -> Markup:
    """Render a page, with the user's name."""
    try:
        user = current_authorizer().user_name
    except NotAllowed:  # the error page shows no name
        user = None
    return render(template, user=user, **given)


def protect(response: Response) -> Response:
    """Add the headers that protect a page, unless the app has set its own."""
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = _content_security_policy(_read_nonce())
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _content_security_policy(nonce: str | None) -> str:
    """Return the policy; it allows the scripts and styles of the host that carry its nonce."""
    if nonce is None:
        return CONTENT_SECURITY_POLICY
    allowed = f"'self' 'nonce-{nonce}'"
    return f"{CONTENT_SECURITY_POLICY}; script-src {allowed}; style-src {allowed}"


def _read_nonce() -> str | None:
    """Return the nonce of the current request; ``None`` if the host gives none that is valid."""
    csp_nonce: Callable[[], str] | None = current_app.extensions.get(CSP_NONCE)
    if csp_nonce is None:
        return None
    nonce = csp_nonce()
    if _NONCE.fullmatch(nonce or ""):
        return nonce
    _log.error("csp_nonce returned %r, which is not base64. The page allows no nonce.", nonce)
    return None


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
