"""From where the console takes forms: from its own pages alone."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from ..errors import NotAllowed
from ..web.guard import OWN_SITES, SAFE_METHODS, refuse_other_sites


def refuse_other_pages(request: Request) -> None:
    """Refuse a form that is not known to come from a page of this very app.

    A form can be sent from any site, so that, other than in the API, where only JSON counts, an
    unsafe request must say where it comes from; every browser does.

    :param request: it.
    :raises NotAllowed: it comes from elsewhere, or does not say.
    """
    if request.method in SAFE_METHODS:
        return
    refuse_other_sites(request)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in OWN_SITES if site else bool(urlsplit(origin or "").netloc)
    if not is_own:
        raise NotAllowed(
            "The request does not say that it comes from a page of this app. Send it from the"
            " app's own pages; for programs there is the API."
        )
