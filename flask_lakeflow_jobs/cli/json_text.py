"""JSON as text for people. Pure."""

from __future__ import annotations

import json
from typing import Any

from .tables import format_table


def format_json(text: str, width: int | None = None) -> str | None:
    """Format a JSON object, or an array of objects: values as lines, arrays of objects as tables.

    :param width: the characters of the terminal. ``None``: cut nothing.
    :return: ``None`` for any other text.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if _is_table(value):
        return "\n".join(_format_rows(value, width))
    if not isinstance(value, dict) or not value:
        return None
    tables = {name: rows for name, rows in value.items() if _is_table(rows)}
    name_width = max((len(name) for name in value if name not in tables), default=0)
    lines = [
        f"{name:<{name_width}}  {_format_value(each)}"
        for name, each in value.items()
        if name not in tables
    ]
    for name, rows in tables.items():
        lines += ["", f"{name}:", *_format_rows(rows, width)]
    return "\n".join(lines).lstrip("\n")


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _format_rows(rows: list[dict[str, Any]], width: int | None) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = ([_format_value(row[name]) if name in row else "" for name in columns] for row in rows)
    return format_table(columns, cells, width)


def _format_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
