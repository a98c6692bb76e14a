"""Page tokens: opaque to clients, a position inside."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidParameterValue
from .request import Request

NESTED_LIMIT = 100


"""How many items of a nested list one answer holds (Jobs API 2.2)."""


def encode(position: list[int]) -> str:
    """The token that stands for a position."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def decode(token: str, length: int) -> list[int]:
    """The position behind a token.

    :param length: how many numbers it has.
    :raises ApiError: it is no token of ours.
    """
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error):
        position = None
    if (
        not isinstance(position, list)
        or len(position) != length
        or not all(isinstance(each, int) and 0 <= each < 2**63 for each in position)
    ):
        raise InvalidParameterValue(f"Invalid page token {token!r}.")
    return position


def paginate_nested(shape: dict[str, Any], keys: Iterable[str], request: Request) -> dict[str, Any]:
    """A page of an object whose nested lists may be longer than one answer holds.

    Lists without further items are empty on later pages, and the last page has no token (Jobs API
    2.2).
    Older versions of the API know no such pages and get the first one.
    """
    token = request.text("page_token")
    start = decode(token, 1)[0] if token else 0
    end = start + NESTED_LIMIT
    page = dict(shape)
    for key in keys:
        items = shape.get(key)
        if items is not None and (start or len(items) > NESTED_LIMIT):
            page[key] = items[start:end]
            if len(items) > end and request.version == "2.2":
                page["next_page_token"] = encode([end])
    if start:
        page["prev_page_token"] = encode([max(0, start - NESTED_LIMIT)])
    return page


def truncate_nested(shape: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """An item of a list with the first part of its nested lists, and ``has_more`` if that is not
    all.
    """
    page = dict(shape)
    for key in keys:
        if len(shape.get(key, ())) > NESTED_LIMIT:
            page[key] = shape[key][:NESTED_LIMIT]
            page["has_more"] = True
    return page


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


def paginate_runs(list_runs: Callable[..., Found], size: int, *, token: str, offset: int) -> Page:
    """The page that a request asks for.

    :param list_runs: as :meth:`~flask_lakeflow_jobs.local.store.sqlite.Store.list_runs`, filtered.
    :param token: of the page; empty for one that is given by its offset.
    :raises ApiError: the token is none of ours.
    """
    if not token:
        found = list_runs(size + 1, offset=offset)
        return _page(found[:size], has_newer=offset > 0, has_older=len(found) > size)
    direction, started, number = decode(token, 3)
    if direction == _EARLIER:
        found = list_runs(size + 1, before=(started, number))
        return _page(found[-size:], has_newer=len(found) > size, has_older=True)
    found = list_runs(size + 1, after=(started, number))
    return _page(found[:size], has_newer=True, has_older=len(found) > size)


def _page(found: Found, *, has_newer: bool, has_older: bool) -> Page:
    tokens = {}
    if found and has_older:
        tokens["next_page_token"] = encode([_LATER, *found[-1][0]])
    if found and has_newer:
        tokens["prev_page_token"] = encode([_EARLIER, *found[0][0]])
    return Page(found, tokens)
