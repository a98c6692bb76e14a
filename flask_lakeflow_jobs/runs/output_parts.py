"""Parts of outputs of tasks: pieces of logs, errors, and the rows of SQL tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..text import format_csv_line
from .redaction import redact_progress_tokens

#: Bytes of a part, as the local workspace limits them too.
MIN_PART_BYTES = 4 * 1024
MAX_PART_BYTES = 1024 * 1024
DEFAULT_PART_BYTES = 256 * 1024


@dataclass(frozen=True)
class LogPart:
    """A part of a task's log.

    :param text: whole lines.
    :param rest: the line after them that the task is still writing. The next part has it too.
    :param offset: where ``text`` begins. If it is not the offset that you asked for, discard what
        you have: the log has been cut.
    :param next_offset: where the next part begins.
    :param is_final: the task has ended, and nothing follows.
    :param is_live: the log can be read while the task runs. The Jobs API of Databricks has it only
        after the end of the task; the local workspace has it at once.
    :param line: the number of the first line, counted from 1; ``None`` if it is unknown.
    """

    text: str = ""
    rest: str = ""
    offset: int = 0
    next_offset: int = 0
    is_final: bool = False
    is_live: bool = False
    line: int | None = 1

    @classmethod
    def from_local(cls, document: Mapping[str, Any]) -> LogPart:
        """Read a part as the local workspace sends it."""
        return cls(
            redact_progress_tokens(str(document["text"])),
            redact_progress_tokens(str(document["rest"])),
            int(document["offset"]),
            int(document["next_offset"]),
            bool(document["is_final"]),
            is_live=True,
            line=document["line"],
        )

    @classmethod
    def from_whole(cls, text: str, offset: int, limit: int) -> LogPart:
        """Return a part of a whole log. Its offsets count characters.

        :param offset: a negative one counts from the end.
        """
        text = redact_progress_tokens(text)
        start = max(0, len(text) + offset) if offset < 0 else min(offset, len(text))
        if offset < 0 < start and text[start - 1] != "\n":  # begin with a whole line
            start = text.find("\n", start) + 1 or len(text)
        end = min(len(text), start + limit)
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        return cls(
            text[start:end],
            "",
            start,
            end,
            is_final=end == len(text),
            line=text.count("\n", 0, start) + 1,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "rest": self.rest,
            "offset": self.offset,
            "nextOffset": self.next_offset,
            "isFinal": self.is_final,
            "isLive": self.is_live,
            "line": self.line,
        }


def drop_repeated(part: str | None, text: str) -> str:
    """Return a part of an output, without the blanks at its end; empty if a text has it already.

    The last line of a traceback mostly repeats the error, and the log of a script has both.
    """
    part = (part or "").rstrip()
    return "" if part.lstrip() in text else part


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
