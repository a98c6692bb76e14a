"""Logs of tasks, in parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
