"""Tables that fit the terminal, and JSON as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from ..runs.ids import MAX_DIGITS
from ..text import format_value, join_lines, parse_if_json

#: A column is not cut to fewer characters.
MIN_WIDTH = 8

#: The first column is not cut to fewer characters. A run id has 16.
MIN_FIRST_WIDTH = 20

GAP = "  "


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None
) -> list[str]:
    """Format a table whose columns are as wide as needed; colors have no width.

    Each row is one line, so that no text of the workspace makes up another one.

    :param width: the characters of the terminal, to which the columns of a wider table are cut,
        but no ids. ``None``: cut nothing.
    """
    cells = [list(header), *([*map(join_lines, row)] for row in rows)]
    columns = [[*map(click.unstyle, column)] for column in zip(*cells, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    if width is not None:
        ids = [max(map(_length_of_id, column)) for column in columns]
        widths = fit_widths(widths, width - len(GAP) * (len(widths) - 1), ids)
    return [
        GAP.join(map(_pad, row, widths)).rstrip()  # the last column needs no padding
        for row in cells
    ]


def _length_of_id(cell: str) -> int:
    """Return the length of a cell that may be an id, which people copy; otherwise 0."""
    return len(cell) if len(cell) <= MAX_DIGITS and cell.isdigit() else 0


def fit_widths(widths: Sequence[int], available: int, ids: Sequence[int] = ()) -> list[int]:
    """Narrow columns until all fit: first the last one, which has text, then the widest.

    The first column identifies the row. It keeps its width, up to a third of the characters,
    or to what the others leave.

    :param available: characters for all columns.
    :param ids: the width that each column keeps in any case; by default none.
    """
    most = max(MIN_WIDTH, available)
    least = [max(MIN_WIDTH, kept) for kept in ids or [0] * len(widths)]
    fitted = [min(width, max(most, kept)) for width, kept in zip(widths, least, strict=True)]
    fitted[:1] = widths[:1]
    if len(fitted) > 1:
        fitted[0] = min(fitted[0], max(MIN_FIRST_WIDTH, available // 3))
        excess = max(0, sum(fitted) - available)
        fitted[-1] = max(min(least[-1], fitted[-1]), fitted[-1] - excess)
    while sum(fitted) > available:
        wider = [number for number in range(1, len(fitted)) if fitted[number] > least[number]]
        if not wider:
            break
        fitted[max(wider, key=fitted.__getitem__)] -= 1
    fitted[0] = min(widths[0], max(fitted[0], available - sum(fitted[1:])))
    return fitted


def _pad(cell: str, width: int) -> str:
    text = click.unstyle(cell)
    if len(text) > width:
        return cell.replace(text, f"{text[: width - 1]}…")
    return cell + " " * (width - len(text))


def format_json(text: str, width: int | None = None) -> str | None:
    """Format a JSON object, or an array of objects: values as lines, arrays of objects as tables.

    :param width: as for :func:`format_table`.
    :return: ``None`` for any other text.
    """
    value = parse_if_json(text)
    if _is_table(value):
        return "\n".join(_format_rows(value, width))
    if not isinstance(value, dict) or not value:
        return None
    tables = {name: rows for name, rows in value.items() if _is_table(rows)}
    name_width = max((len(name) for name in value if name not in tables), default=0)
    lines = [
        f"{name:<{name_width}}  {format_value(each)}"
        for name, each in value.items()
        if name not in tables
    ]
    for name, rows in tables.items():
        lines += ["", f"{name}:", *_format_rows(rows, width)]
    return "\n".join(lines).lstrip("\n")


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and any(value) and all(isinstance(row, dict) for row in value)


def _format_rows(rows: list[dict[str, Any]], width: int | None) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = ([format_value(row[name]) if name in row else "" for name in columns] for row in rows)
    return format_table(columns, cells, width)
