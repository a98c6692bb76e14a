"""The addresses of pages: those of the console, or the host's own pages in their place."""

from __future__ import annotations

import logging
from typing import Any

from flask import url_for

from .console_state import console_state

BLUEPRINT = "lakeflow_console."

#: The pages that a host can replace by its own, by the names of their endpoints.
PAGES = frozenset({"show_jobs", "show_history", "show_form", "show_run", "show_task"})

#: The argument with which a script asks for a part of a page.
PART = "bare"

_log = logging.getLogger("flask_lakeflow_jobs.web")


def page_url(endpoint: str, **values: Any) -> str:
    """Build the address of an endpoint; the templates of the console use it as ``url_for``."""
    build_own, page = console_state().page_url, endpoint.removeprefix(BLUEPRINT)
    if build_own is not None and page in PAGES and page != endpoint and PART not in values:
        given = {name: value for name, value in values.items() if value is not None}
        try:
            own = build_own(page, given)
        except Exception:  # a page of the console is better than none, above all after a form
            _log.exception("page_url failed, so the console's address is used.")
            own = None
        if own is not None:
            return own
    return url_for(endpoint, **values)
