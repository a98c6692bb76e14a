"""Who asks, what they may, and no request from another site."""
# MERGED """From where the console takes forms: from its own pages alone."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from ..errors import NotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: What browsers say of requests that a page of this very origin makes, or no page at all.
OWN_SITES = frozenset({"same-origin", "none"})


def refuse_cross_site(request: Request) -> None:
    """Refuse what a page of another origin makes a browser send.

    A page of a sibling domain is refused too: on shared domains it is somebody else's.

    :param request: it.
    :raises NotAllowed: it changes something and comes from another site.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site in OWN_SITES:
        return
    if site == "cross-site" or _is_foreign(request.headers.get("Origin"), request):
        raise NotAllowed(
            "This request comes from a page of another site. Send it from the app's own pages, or"
            " from a client that is no browser."
        )


def _is_foreign(origin: str | None, request: Request) -> bool:
    if origin is None:
        return False
    # A page of another site cannot set this header, so proxies have: each adds the host it saw.
    forwarded = request.headers.get("X-Forwarded-Host", "").split(",")
    hosts = {request.host, *(host.strip() for host in forwarded)} - {""}
    return origin.partition("://")[2] not in hosts


def require_same_origin(request: Request) -> None:
    """Refuse a form that is not known to come from a page of this very app.

    A form can be sent from any site, so that, other than in the API, where only JSON counts, an
    unsafe request must say where it comes from; every browser does.

    :param request: it.
    :raises NotAllowed: it comes from elsewhere, or does not say.
    """
    if request.method in SAFE_METHODS:
        return
    refuse_cross_site(request)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in OWN_SITES if site else bool(urlsplit(origin or "").netloc)
    if not is_own:
        raise NotAllowed(
            "The request does not say that it comes from a page of this app. Send it from the"
            " app's own pages; for programs there is the API."
        )
