"""The order of rows that are written, or brought together in one part.

Sail drops a sort if nothing needs its order, and files do not. Spark writes rows in their order. A
limit needs the order, so one above any number of rows keeps it.
"""

from __future__ import annotations

import re
from typing import Any

from .connect_plans import walk

_ALL_ROWS = 2**31 - 1
_SORTED = re.compile(r"\b(?:ORDER|SORT)\s+BY\b", re.IGNORECASE)
_WRITES = ("WriteOperation", "WriteOperationV2")


def keep_order(request: Any) -> None:
    """Let the rows of a request keep the order in which they are sorted."""
    for message in walk(request):
        kind = message.DESCRIPTOR.name
        is_joined = kind == "Repartition" and (message.num_partitions == 1 or not message.shuffle)
        if (is_joined or kind in _WRITES) and _is_sorted(message.input):
            rows = type(message.input)()
            rows.limit.input.CopyFrom(message.input)
            rows.limit.limit = _ALL_ROWS
            message.input.CopyFrom(rows)


def _is_sorted(rows: Any) -> bool:
    return any(
        each.DESCRIPTOR.name == "Sort" or _SORTED.search(getattr(each, "query", ""))
        for each in walk(rows)
    )
