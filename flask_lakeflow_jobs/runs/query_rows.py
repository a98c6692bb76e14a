"""The rows that a SQL task has returned, from its output. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..text import format_csv_line


@dataclass(frozen=True)
class Rows:
    """The result of the last statement of a SQL task.

    :param rows: a value is ``None`` for NULL.
    :param is_truncated: the query returned more rows.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    is_truncated: bool

    def to_csv(self) -> Iterator[str]:
        """Yield the lines of a CSV file that no spreadsheet takes for formulas."""
        for row in (self.columns, *self.rows):
            yield f"{format_csv_line(row)}\r\n"


def read_rows(output: Mapping[str, Any]) -> Rows | None:
    """Return the rows in an output; ``None`` if it has none.

    :param output: a document of the Jobs API, since older SDKs do not know rows.
    """
    result = ((output.get("sql_output") or {}).get("file_output") or {}).get("query_result")
    if not result or not result.get("columns"):
        return None
    columns = [str(column.get("name") or "") for column in result["columns"]]
    rows = []
    for row in result.get("rows") or ():
        values = [value.get("string_value") for value in row.get("values") or ()]
        rows.append([*values[: len(columns)], *[None] * (len(columns) - len(values))])
    return Rows(columns, rows, is_truncated=bool(result.get("truncated")))
