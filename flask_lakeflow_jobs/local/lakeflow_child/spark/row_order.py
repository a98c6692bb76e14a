"""The order of rows that were sorted before something else is done with them.

Sail drops a sort if nothing needs its order, such as a file, the first row of a group, or a new
column. Spark keeps it there. A limit needs the order, so one above any number of rows keeps it.
"""

from __future__ import annotations

import re
from typing import Any

from .language.connect_plans import list_messages, walk

_ALL_ROWS = 2**31 - 1
_SORTED = re.compile(r"\b(?:ORDER|SORT)\s+BY\b", re.IGNORECASE)
#: Messages below which Sail keeps a sort, or the text is not only a query, or that sort again.
_DONE = ("Limit", "Plan", "Sort", "SqlCommand", "Tail", "WithRelations")


def keep_order(request: Any) -> None:
    """Let the rows of a request keep the order in which they are sorted."""
    for message in walk(request):
        if message.DESCRIPTOR.name in _DONE:
            continue
        for rows in list_messages(message):
            if rows.DESCRIPTOR.name == "Relation" and _is_sorted(rows):
                limited = type(rows)(common=rows.common)
                limited.limit.input.CopyFrom(rows)
                limited.limit.limit = _ALL_ROWS
                rows.CopyFrom(limited)


def _is_sorted(rows: Any) -> bool:
    kind = rows.WhichOneof("rel_type")
    return kind == "sort" or (kind == "sql" and _SORTED.search(rows.sql.query) is not None)
