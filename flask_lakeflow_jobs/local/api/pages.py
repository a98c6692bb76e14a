"""Pages of lists, and the opaque tokens that name them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import InvalidParameterValue
from .request import Request

NESTED_LIMIT = 100  # items of a nested list in one response (Jobs API 2.2)
_MAX_OFFSET = 1000

#: The position of a run among all runs: its start, and its number among those of the same start.
RunPosition = tuple[int, int]

# The direction in a token for a page of runs.
_OLDER, _NEWER = 0, 1


def encode_token(position: list[int]) -> str:
    """Convert a position to a token."""
    return base64.b64encode(",".join(map(str, position)).encode()).decode()


def decode_token(token: str, length: int) -> list[int]:
    """Convert a token to a position of ``length`` numbers.

    :raises ApiError: the token is invalid.
    """
    try:
        position = [int(each) for each in base64.b64decode(token, validate=True).split(b",")]
    except ValueError:
        position = []
    if len(position) != length or not all(0 <= each < 2**63 for each in position):
        raise InvalidParameterValue(f"Invalid page token {token!r}.")
    return position


def parse_limit(request: Request, *, default: int, maximum: int) -> int:
    """Read the size of a page; 0 stands for the maximum."""
    limit = request.read_int("limit")
    if limit is None:
        return default
    if limit > maximum:
        raise InvalidParameterValue(f"Invalid limit {limit} - it has to be no more than {maximum}.")
    if limit < 0:
        raise InvalidParameterValue(f"Invalid limit {limit} - it must not be negative.")
    return limit or maximum


def parse_start(request: Request) -> int:
    """Read the index of a page's first item, from a token or an offset."""
    return parse_token(request) if request.read_text("page_token") else _parse_offset(request)


def parse_token(request: Request) -> int:
    """Read the index of a page's first item from a token; 0 without one."""
    token = request.read_text("page_token")
    return decode_token(token, 1)[0] if token else 0


def _parse_offset(request: Request) -> int:
    offset = request.read_int("offset") or 0
    if offset > _MAX_OFFSET:
        raise InvalidParameterValue(
            f"The supplied offset {offset} has exceeded the value of {_MAX_OFFSET} allowed for "
            "this parameter.Please use the page_token parameter to paginate"
        )
    if offset < 0:
        raise InvalidParameterValue(f"Invalid offset {offset} - it must not be negative.")
    return offset


def page_fields(
    request: Request, following: list[int] | None, previous: list[int] | None
) -> dict[str, Any]:
    """Return the fields of a list that lead to other pages.

    :param following: the position of the next page, if there is one.
    :param previous: the position of the previous page, if there is one.
    """
    fields: dict[str, Any] = {}
    if following:
        fields["next_page_token"] = encode_token(following)
    if previous:
        fields["prev_page_token"] = encode_token(previous)
    if request.version != "2.2":
        fields["has_more"] = bool(following)
    return fields


def paginate_runs(
    list_runs: Callable[..., list[tuple[RunPosition, int]]], request: Request, size: int
) -> tuple[list[int], dict[str, Any]]:
    """Find the runs of a page. Its token names a run, so that new runs do not move its items.

    :param list_runs: :meth:`~flask_lakeflow_jobs.local.store.sqlite.Store.list_runs`, filtered.
    :return: the ids of the runs, and the fields that lead to other pages.
    :raises ApiError: the token or the offset is invalid.
    """
    if not (token := request.read_text("page_token")):
        offset = _parse_offset(request)
        found = list_runs(size + 1, offset=offset)
        page, has_older, has_newer = found[:size], len(found) > size, offset > 0
    else:
        direction, start_time, number = decode_token(token, 3)
        if direction == _NEWER:
            found = list_runs(size + 1, before=(start_time, number))
            page, has_older, has_newer = found[-size:], True, len(found) > size
        else:
            found = list_runs(size + 1, after=(start_time, number))
            page, has_older, has_newer = found[:size], len(found) > size, True
    fields = page_fields(
        request,
        [_OLDER, *page[-1][0]] if page and has_older else None,
        [_NEWER, *page[0][0]] if page and has_newer else None,
    )
    return [run_id for _, run_id in page], fields


def paginate_nested(shape: dict[str, Any], keys: Iterable[str], request: Request) -> dict[str, Any]:
    """Return a page of an object whose nested lists are too long for one response.

    On later pages, lists without further items are empty. API 2.0 and 2.1 have the first page only.
    """
    start = parse_token(request)
    end = start + NESTED_LIMIT
    page = dict(shape)
    for key in keys:
        items = shape.get(key)
        if items is not None:
            page[key] = items[start:end]
            if len(items) > end and request.version == "2.2":
                page["next_page_token"] = encode_token([end])
    return page


def truncate_nested(shape: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return an item of a list with the first part of its nested lists, and ``has_more``."""
    page = dict(shape)
    for key in keys:
        if len(shape.get(key, ())) > NESTED_LIMIT:
            page[key] = shape[key][:NESTED_LIMIT]
            page["has_more"] = True
    return page
