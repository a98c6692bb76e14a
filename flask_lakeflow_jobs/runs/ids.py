"""Ids of jobs and runs. Pure."""

from __future__ import annotations

from ..errors import InvalidRequest, quote

#: Ids of the Jobs API are signed 64-bit integers.
MAX_ID = 2**63 - 1

MAX_DIGITS = 19


def parse_id(value: object) -> int | None:
    """Return the id of a job or run from a number or a string; ``None`` if it is not an id."""
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= MAX_ID else None


def parse_run_id(value: object) -> int:
    """Return a run id from a number or a string.

    :raises InvalidRequest: it is not an id.
    """
    run_id = parse_id(value)
    if run_id is None:
        raise InvalidRequest(f"A run id is a positive whole number, not {quote(value)}.")
    return run_id
