"""The addresses of the console's pages, or of the host's in their place, outside a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask

#: ``(page, values) -> address`` of the host's own page, or ``None`` for that of the console.
PageUrl = Callable[[str, Mapping[str, Any]], str | None]

#: The key in ``app.extensions`` of the function that builds addresses of the host's own pages.
HOST_PAGES = "lakeflow_jobs.page_url"

#: The endpoint of a run's page, which exists if the app serves the console.
RUN_PAGE = "lakeflow_console.show_run"

_log = logging.getLogger("flask_lakeflow_jobs.web")


def find_run_page(app: Flask, key: str, run_id: int, base_url: str | None = None) -> str | None:
    """Return the address of a run's page: the host's own, or that of the console.

    :param base_url: the address of the app; ``None``: that of ``SERVER_NAME``.
    :return: ``None`` if the app has no console, or its address is not known.
    """
    if RUN_PAGE not in app.view_functions:
        return None
    config = app.config
    if base_url is None and config.get("SERVER_NAME"):
        root = config["APPLICATION_ROOT"]
        base_url = f"{config['PREFERRED_URL_SCHEME']}://{config['SERVER_NAME']}{root}"
    if base_url is None:
        return None
    own = _find_own_page(app, {"key": key, "run_id": run_id}, base_url)
    if own is not None:
        return urljoin(base_url, own)
    parts, values = urlsplit(base_url), {"key": key, "run_id": run_id}
    # url_for would prefer SERVER_NAME to another address, and call url_defaults, which may need a
    # request
    adapter = app.url_map.bind(parts.netloc, parts.path or "/", url_scheme=parts.scheme)
    return adapter.build(RUN_PAGE, values, force_external=True)


def _find_own_page(app: Flask, values: Mapping[str, Any], base_url: str) -> str | None:
    """Return the address of the host's own page of a run, if it has one."""
    build_own: PageUrl | None = app.extensions.get(HOST_PAGES)
    if build_own is None:
        return None
    # SERVER_NAME as the host: Werkzeug warns of another one. A path is joined with the address.
    parts = urlsplit(base_url)
    root = parts._replace(netloc=app.config.get("SERVER_NAME") or parts.netloc).geturl()
    try:
        with app.test_request_context(base_url=root):  # it may call url_for
            return build_own("show_run", values)
    except Exception:  # a message with the address of the console is better than none
        _log.exception("page_url failed outside a request, so the console's address is used.")
        return None
