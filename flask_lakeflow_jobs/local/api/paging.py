"""Page tokens: opaque to clients, a position inside."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from flask_lakeflow_jobs.local import errors
from flask_lakeflow_jobs.local.api.request import Request

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
        raise errors.invalid_parameter(f"Invalid page token {token!r}.")
    return position


def nested_page(shape: dict[str, Any], keys: Iterable[str], request: Request) -> dict[str, Any]:
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


def first_of_nested(shape: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """An item of a list with the first part of its nested lists, and ``has_more`` if that is not
    all.
    """
    page = dict(shape)
    for key in keys:
        if len(shape.get(key, ())) > NESTED_LIMIT:
            page[key] = shape[key][:NESTED_LIMIT]
            page["has_more"] = True
    return page
