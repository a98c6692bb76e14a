"""Tables that fit the terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

#: A column is not cut to fewer characters.
MIN_WIDTH = 8

#: The first column may always have as many. A run id has 16.
MIN_FIRST_WIDTH = 20

GAP = "  "


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None
) -> list[str]:
    """Format a table whose columns are as wide as needed; colors have no width.

    Each row is one line, so that no text of the workspace makes up another one.

    :param width: the characters of the terminal, to which the columns of a wider table are cut.
        ``None``: cut nothing.
    """
    cells = [list(header), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [
        max(len(click.unstyle(cell)) for cell in column) for column in zip(*cells, strict=True)
    ]
    if width is not None:
        widths = fit_widths(widths, width - len(GAP) * (len(widths) - 1))
    return [
        GAP.join(map(_pad, row, widths)).rstrip()  # the last column needs no padding
        for row in cells
    ]


def fit_widths(widths: Sequence[int], available: int) -> list[int]:
    """Make columns narrower until all fit: first the last one, which has text, then the widest.

    The first column identifies the row. It keeps its width, up to a third of the characters,
    or to what the others leave.

    :param available: characters for all columns.
    """
    fitted = list(widths)
    if len(fitted) > 1 and sum(fitted) > available:
        fitted[0] = min(fitted[0], max(MIN_FIRST_WIDTH, available // 3))
        excess = max(0, sum(fitted) - available)
        fitted[-1] = max(min(MIN_WIDTH, fitted[-1]), fitted[-1] - excess)
    while sum(fitted) > available:
        widest = max(range(1, len(fitted)), key=fitted.__getitem__, default=0)
        if widest == 0 or fitted[widest] <= MIN_WIDTH:
            break
        fitted[widest] -= 1
    fitted[0] = min(widths[0], max(fitted[0], available - sum(fitted[1:])))
    return fitted


def _pad(cell: str, width: int) -> str:
    text = click.unstyle(cell)
    if len(text) > width:
        return cell.replace(text, f"{text[: width - 1]}…")
    return cell + " " * (width - len(text))
