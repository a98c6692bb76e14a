"""The ids of jobs and runs, as people and programs write them. Pure."""

from __future__ import annotations

import re

#: The largest id: the Jobs API's ids are signed 64-bit numbers.
LARGEST_ID = 2**63 - 1


def id_of(value: object) -> int | None:
    """The id that a number or a text is; ``None`` where it is none.

    :param value: anything.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
        return None
    number = int(text)
    return number if 0 < number <= LARGEST_ID else None
