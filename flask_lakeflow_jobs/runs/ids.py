"""The ids of jobs and runs, as people and programs write them. Pure."""
# MERGED """Where runs have their pages in the workspace. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from ..errors import InvalidRequest, quote

#: The largest id: the Jobs API's ids are signed 64-bit numbers.
MAX_ID = 2**63 - 1


def parse_id(value: object) -> int | None:
    """The id that a number or a text is; ``None`` where it is none.

    :param value: anything.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= MAX_ID else None


def parse_run_id(value: object) -> int:
    """The run id that a caller means.

    :param value: a number or a text.
    :raises InvalidRequest: it is no id.
    """
    run_id = parse_id(value)
    if run_id is None:
        raise InvalidRequest(f"A run id is a positive whole number, not {quote(value)}.")
    return run_id


def normalize_page_url(url: str | None) -> str | None:
    """The page of a run in the workspace, under an address that works for everybody.

    Links of the old form, ``/?o=1#job/1/run/2``, lead those who are no admins to the home page.
    Source: databricks/cli issue 5142. What is no web address is no link.

    :param url: the run's ``run_page_url``.
    """
    parts = urlsplit(url or "")
    if parts.scheme not in ("http", "https"):
        return None
    old = re.fullmatch(r"job/(\d+)/run/(\d+)", parts.fragment, re.ASCII)
    if old is not None:
        parts = parts._replace(path=f"/jobs/{old[1]}/runs/{old[2]}", fragment="")
    return urlunsplit(parts)


def build_run_url(sibling: str | None, job_id: int, run_id: int) -> str | None:
    """The page of a run in the workspace.

    :param sibling: the ``run_page_url`` of another run there.
    :param job_id: the job's.
    :param run_id: the run's.
    """
    parts = urlsplit(normalize_page_url(sibling) or "")
    path = f"/jobs/{job_id}/runs/{run_id}"
    return urlunsplit(parts._replace(path=path, fragment="")) if parts.netloc else None
