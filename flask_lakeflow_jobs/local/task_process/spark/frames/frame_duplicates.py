"""Columns that a select has left out, read above a ``distinct()`` of it.

Spark finds such a column below, and its value is that of the first row of each key. Sail finds it
below any other node than this one.
"""

from __future__ import annotations

import re
from typing import Any

from ..language.connect_plans import find_messages, list_inputs, make_frame
from ..language.sql_names import quote_part

_LACKING = re.compile(r'attribute ObjectName\(\[Identifier\("([^"]+)"\)\]\) is missing')


def read_below_duplicates(request: Any, session: Any, error: Exception) -> bool:
    """Let filters and sorts read the column that a request lacks.

    :return: whether one of them is above a ``distinct()`` of a select.
    """
    if (match := _LACKING.search(str(error))) is None:
        return False
    is_changed = False
    for each in list(find_messages(request, "Relation")):
        if each.WhichOneof("rel_type") in ("filter", "sort"):
            is_changed |= _add_column(each, match[1], session)
    return is_changed


def _add_column(reader: Any, name: str, session: Any) -> bool:
    (rows,) = list_inputs(reader)
    if not rows.deduplicate.input.HasField("project"):
        return False
    columns = make_frame(session, rows).columns
    if name in columns:
        return False
    if rows.deduplicate.all_columns_as_keys:
        rows.deduplicate.all_columns_as_keys = False
        rows.deduplicate.column_names.extend(columns)
    added = rows.deduplicate.input.project.expressions.add()
    added.unresolved_attribute.unparsed_identifier = quote_part(name)
    selected = type(reader)(common=reader.common)
    selected.project.input.CopyFrom(reader)
    for each in columns:
        column = selected.project.expressions.add()
        column.unresolved_attribute.unparsed_identifier = quote_part(each)
    reader.CopyFrom(selected)
    return True
