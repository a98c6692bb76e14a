"""The addresses of pages: the console's, the host's own in their place, and those in Databricks."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from flask import Flask, current_app, url_for

#: ``(page, values) -> address`` of the host's own page, or ``None`` for that of the console.
PageUrl = Callable[[str, Mapping[str, Any]], str | None]

#: The key in ``app.extensions`` of the function that builds addresses of the host's own pages.
HOST_PAGES = "lakeflow_jobs.page_url"

#: The blueprint of the console. An endpoint of it exists if the app serves the console.
BLUEPRINT = "lakeflow_console."

#: The endpoint of a run's page.
RUN_PAGE = f"{BLUEPRINT}show_run"

#: The pages that a host can replace by its own, by the names of their endpoints.
PAGES = frozenset({"show_jobs", "show_history", "show_form", "show_run", "show_task"})

#: The argument with which a script asks for a part of a page.
PART = "bare"

_log = logging.getLogger("flask_lakeflow_jobs.web")


def page_url(endpoint: str, **values: Any) -> str:
    """Build the address of an endpoint; the templates of the console use it as ``url_for``."""
    build_own: PageUrl | None = current_app.extensions[HOST_PAGES]
    page = endpoint.removeprefix(BLUEPRINT)
    if build_own is not None and page in PAGES and PART not in values:
        given = {name: value for name, value in values.items() if value is not None}
        try:
            own = build_own(page, given)
        except Exception:  # a page of the console is better than none, above all after a form
            _log.exception("page_url failed, so the console's address is used.")
            own = None
        if own is not None:
            return own
    return url_for(endpoint, **values)


def find_run_page(app: Flask, key: str, run_id: int, base_url: str | None = None) -> str | None:
    """Return the address of a run's page outside a request: the host's own, or the console's.

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


def normalize_page_url(url: str | None) -> str | None:
    """Return the address of a run's page, or ``None`` if it is not an HTTP address.

    Addresses of the old form, ``/?o=1#job/1/run/2``, lead users who are not admins to the home
    page, so they are rewritten. Source: databricks/cli issue 5142.

    :param url: the run's ``run_page_url``.
    """
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    old = re.fullmatch(r"job/(\d+)/run/(\d+)", parts.fragment, re.ASCII)
    if old is not None:
        parts = parts._replace(path=f"/jobs/{old[1]}/runs/{old[2]}", fragment="")
    return urlunsplit(parts)


def find_databricks_url(url: str | None) -> str | None:
    """Return the address of a run's page in Databricks; ``None`` if the run is in a local
    workspace, which has no HTTPS.

    :param url: as for :func:`normalize_page_url`.
    """
    address = normalize_page_url(url)
    return address if address is not None and address.startswith("https:") else None


def build_run_url(sibling: str | None, job_id: int, run_id: int) -> str | None:
    """Return the address of a run's page in Databricks, as :func:`find_databricks_url` does.

    :param sibling: the ``run_page_url`` of another run in the same workspace.
    """
    parts = urlsplit(find_databricks_url(sibling) or "")
    path = f"/jobs/{job_id}/runs/{run_id}"
    return urlunsplit(parts._replace(path=path, fragment="")) if parts.netloc else None
