"""Parts of the console for pages of the host, as responses of their own: for HTMX and the like."""

from __future__ import annotations

from flask import Response, request
from markupsafe import Markup

from ..runs.ids import parse_run_id
from ..web.auth import current_authorizer, request_handle
from .fragments import render_cards, render_live
from .run_page import build_run_view

#: The endpoints of fragments. Their errors are fragments, too.
ENDPOINTS = ("lakeflow_console.show_cards", "lakeflow_console.show_run_fragment")

#: HTMX's status "stop polling" (https://htmx.org/docs/#polling).
STOP_POLLING = 286


def show_cards() -> Markup:
    """Respond with the fragment ``lakeflow_job_cards``; ``key`` selects jobs."""
    return render_cards(request.args.getlist("key"))


def show_run_fragment(key: str, run_id: str) -> Response:
    """Respond with the fragment ``lakeflow_run``; to HTMX with status 286 if the run has ended."""
    authorizer = current_authorizer()
    with request_handle(authorizer, key) as handle:
        view = build_run_view(authorizer, handle, parse_run_id(run_id))
    response = Response(render_live(view))
    response.vary.add("HX-Request")
    if view.is_over and "HX-Request" in request.headers:
        response.status_code = STOP_POLLING
    return response
