"""Addresses of the pages of runs in Databricks. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit


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
    """Return the address of a run's page.

    :param sibling: the ``run_page_url`` of another run in the same workspace.
    """
    parts = urlsplit(normalize_page_url(sibling) or "")
    path = f"/jobs/{job_id}/runs/{run_id}"
    return urlunsplit(parts._replace(path=path, fragment="")) if parts.netloc else None
