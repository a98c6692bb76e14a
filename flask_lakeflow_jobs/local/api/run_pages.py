"""Pages of runs: a token names the run at which a page begins or ends, so that runs which start
meanwhile move nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_lakeflow_jobs.local.api import paging

Position = tuple[int, int]
"""Where a run stands in the order of all: its start, and which of those that started then."""
Found = list[tuple[Position, int]]
_LATER, _EARLIER = 0, 1  # whether a page goes on to older runs or back to newer ones


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    :param found: the position and the id of each run.
    :param tokens: ``next_page_token`` and ``prev_page_token``, where there are such pages.
    """

    found: Found
    tokens: dict[str, str]


def page_of_runs(list_runs: Callable[..., Found], size: int, *, token: str, offset: int) -> Page:
    """The page that a request asks for.

    :param list_runs: as :meth:`~flask_lakeflow_jobs.local.store.Store.list_runs`, filtered.
    :param token: of the page; empty for one that is given by its offset.
    :raises ApiError: the token is none of ours.
    """
    if not token:
        found = list_runs(size + 1, offset=offset)
        return _page(found[:size], has_newer=offset > 0, has_older=len(found) > size)
    direction, started, number = paging.decode(token, 3)
    if direction == _EARLIER:
        found = list_runs(size + 1, before=(started, number))
        return _page(found[-size:], has_newer=len(found) > size, has_older=True)
    found = list_runs(size + 1, after=(started, number))
    return _page(found[:size], has_newer=True, has_older=len(found) > size)


def _page(found: Found, *, has_newer: bool, has_older: bool) -> Page:
    tokens = {}
    if found and has_older:
        tokens["next_page_token"] = paging.encode([_LATER, *found[-1][0]])
    if found and has_newer:
        tokens["prev_page_token"] = paging.encode([_EARLIER, *found[0][0]])
    return Page(found, tokens)
