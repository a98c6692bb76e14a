"""The log of a task as its page shows it: lines with their numbers, and where to read on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..runs.logs import MAX_PART_BYTES, LogPart
from .rich_text import render_lines

if TYPE_CHECKING:
    from ..sdk_types import RunTask
    from ..upstream.cached_reads import CachedReads

#: Lines on a page.
MAX_LINES = 1_000

#: Lines before the one that a link leads to.
_LINES_BEFORE = 100

#: Bytes from the end of a log that a page without a line shows.
_TAIL_BYTES = 128 * 1024

#: Bytes of a log that are searched for a line, and that a download has.
MAX_LOG_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True)
class LogView:
    """Some lines of a log.

    :param first: the number of the first line; ``None`` if it is unknown.
    :param rest: the line that the task is still writing.
    :param next_offset: where the next lines begin; ``None`` if these are not the last ones.
    """

    lines: Sequence[Markup]
    first: int | None
    rest: Markup
    offset: int
    next_offset: int | None
    is_final: bool
    is_live: bool

    @property
    def next_line(self) -> int | None:
        return None if self.first is None else self.first + len(self.lines)

    @property
    def has_earlier(self) -> bool:
        return self.first is None or self.first > 1


def view_log(part: LogPart, *, hide: str = "", line: int | None = None) -> LogView:
    """Return the last lines of a part, or those around a line.

    :param hide: an end of the log that the page shows elsewhere.
    :param line: the number of the line; it must be in the part.
    """
    text = part.text
    if hide and part.is_final and text.rstrip().endswith(hide.rstrip()):
        text = text.rstrip()[: -len(hide.rstrip())]
    lines = render_lines(text)
    start = max(0, len(lines) - MAX_LINES)
    if line is not None and part.line is not None:
        start = max(0, min(line - part.line - _LINES_BEFORE, len(lines)))
    some = lines[start : start + MAX_LINES]
    is_last = start + len(some) == len(lines)
    first = part.line
    if first is None and part.offset == 0:
        first = 1
    return LogView(
        some,
        None if first is None else first + start,
        Markup("").join(render_lines(part.rest)[-1:]) if is_last else Markup(""),
        part.offset,
        part.next_offset if is_last else None,
        part.is_final and is_last,
        part.is_live,
    )


def read_log_view(
    reads: CachedReads, task: RunTask, *, line: int | None = None, hide: str = ""
) -> LogView:
    """Return the end of a task's log, or the lines around one."""
    if line is None:
        return view_log(reads.read_log(task, -_TAIL_BYTES, _TAIL_BYTES), hide=hide)
    number = 1
    for part in read_parts(reads, task):
        count = part.text.count("\n")
        if line < number + count or part.is_final or not part.text:
            break
        number += count
    return view_log(part, hide=hide, line=line)


def read_text(reads: CachedReads, task: RunTask) -> str:
    """Return the log of a task so far."""
    parts = [*read_parts(reads, task)]
    return "".join(part.text for part in parts) + parts[-1].rest


def read_parts(reads: CachedReads, task: RunTask) -> Iterator[LogPart]:
    """Yield the log of a task so far, part by part."""
    offset = 0
    while True:
        part = reads.read_log(task, offset, MAX_PART_BYTES)
        yield part
        if part.is_final or part.next_offset <= offset or part.next_offset > MAX_LOG_BYTES:
            return
        offset = part.next_offset
