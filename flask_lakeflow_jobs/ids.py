"""The ids of jobs and runs, as people and programs write them. Pure."""

from __future__ import annotations

import re

from .errors import InvalidRequest, quoted

#: The largest id: the Jobs API's ids are signed 64-bit numbers.
LARGEST_ID = 2**63 - 1


def id_of(value: object) -> int | None:
    """The id that a number or a text is; ``None`` where it is none.

    :param value: anything.
    """
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= LARGEST_ID else None


def run_id_of(value: object) -> int:
    """The run id that a caller means.

    :param value: a number or a text.
    :raises InvalidRequest: it is no id.
    """
    run_id = id_of(value)
    if run_id is None:
        raise InvalidRequest(f"A run id is a positive whole number, not {quoted(value)}.")
    return run_id
