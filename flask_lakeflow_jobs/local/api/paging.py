"""Page tokens: opaque to clients, a position inside."""

from __future__ import annotations

import base64
import binascii
import json

from flask_lakeflow_jobs.local import errors


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
