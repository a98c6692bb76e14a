"""Protection against cross-site request forgery."""

from __future__ import annotations

from flask import Request

from ..errors import NotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: ``Sec-Fetch-Site`` of requests from a page of the same origin, or not from a page at all.
SAME_ORIGIN = frozenset({"same-origin", "none"})


def refuse_cross_site(request: Request) -> None:
    """Refuse an unsafe request from a page of another origin.

    A page of a sibling domain is refused too: on shared domains it may belong to anybody.

    :raises NotAllowed: the browser names another origin.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site in SAME_ORIGIN:
        return
    if site is not None or _is_other_origin(request.headers.get("Origin"), request):
        raise NotAllowed(
            "This request comes from a page of another site. Send it from the app's own pages or"
            " from a client that is not a browser."
        )


def _is_other_origin(origin: str | None, request: Request) -> bool:
    if origin is None:
        return False
    # Pages of other sites cannot set this header. Each proxy adds the host that it received.
    forwarded = request.headers.get("X-Forwarded-Host", "").split(",")
    # The header, because werkzeug takes a host such as my_app for none.
    hosts = {request.host, request.headers.get("Host"), *(host.strip() for host in forwarded)}
    hosts -= {"", None}
    return origin.partition("://")[2] not in hosts


def require_same_origin(request: Request) -> None:
    """Refuse an unsafe request unless it provably comes from a page of this app.

    Any site can send a form, while the API accepts JSON only. So a form must carry one of the
    headers by which every browser names the origin.

    :raises NotAllowed: the request comes from another origin or does not name its origin.
    """
    if request.method in SAFE_METHODS:
        return
    refuse_cross_site(request)
    if "Sec-Fetch-Site" not in request.headers and "Origin" not in request.headers:
        raise NotAllowed(
            "The request does not name the page that it comes from. Send it from the app's own"
            " pages. Programs can use the API."
        )
