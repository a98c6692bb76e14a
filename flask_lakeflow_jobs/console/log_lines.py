"""The log of a task as its page shows it: lines with their numbers, and where to read on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..errors import LakeflowJobsError
from ..runs.outcome import has_ended
from ..runs.output_parts import MAX_PART_BYTES, LogPart
from ..text import clean_line
from .rich_text import render_lines, split_lines

if TYPE_CHECKING:
    from ..sdk_types import RunTask
    from ..upstream.cached_reads import CachedReads

#: Lines on a page.
MAX_LINES = 1_000

#: Lines that the page's script adds at once: as many as it keeps.
MAX_ADDED_LINES = 5_000

#: Lines before the one that a link leads to.
_LINES_BEFORE = 100

#: Bytes from the end of a log that a page without a line shows.
_TAIL_BYTES = 128 * 1024

#: Bytes of a log that are searched for a line.
MAX_SEARCHED_BYTES = 20 * 1024 * 1024

#: Stands in a download for the lines of a long log that the workspace has not kept.
GAP = "[Lines are missing here. The workspace has not kept them.]\n"


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


def view_log(
    part: LogPart, *, hide: str = "", line: int | None = None, max_lines: int | None = None
) -> LogView:
    """Return the last lines of a part, or those around a line.

    :param hide: an end of the log that the page shows elsewhere.
    :param line: the number of the line; one beyond the part stands for its end.
    :param max_lines: by default those of a page.
    """
    max_lines = max_lines or MAX_LINES
    text = part.text
    if hide.strip() and part.is_final and text.rstrip().endswith(hide.rstrip()):
        text = text.rstrip().removesuffix(hide.rstrip())
    lines = split_lines(text)
    start = max(0, len(lines) - max_lines)
    if line is not None and part.line is not None:
        start = max(0, min(line - part.line - _LINES_BEFORE, start))
    some = render_lines(lines, start, start + max_lines)
    is_last = start + len(some) == len(lines)
    first = 1 if part.line is None and part.offset == 0 else part.line
    return LogView(
        lines=some,
        first=None if first is None else first + start,
        rest=Markup("").join(render_lines(split_lines(part.rest))[-1:]) if is_last else Markup(""),
        offset=part.offset,
        next_offset=part.next_offset if is_last else None,
        is_final=part.is_final and is_last,
        is_live=part.is_live,
    )


def read_log_view(reads: CachedReads, task: RunTask, *, line: int | None, hide: str) -> LogView:
    """Return the end of a task's log, or the lines around one."""
    if line is None:
        return view_log(reads.read_log(task, -_TAIL_BYTES, _TAIL_BYTES), hide=hide)
    number = 1
    for part in read_parts(reads, task):
        count = part.text.count("\n")
        if line < number + count or part.is_final or not part.text:
            break
        number += count
        if part.next_offset > MAX_SEARCHED_BYTES:
            break
    return view_log(part, hide=hide, line=line)


def read_text(reads: CachedReads, task: RunTask) -> Iterator[str]:
    """Yield the log of a task so far, for a download of any length.

    A part that cannot be read ends it with a line that says so.

    :raises LakeflowJobsError: the first part cannot be read.
    """
    expected, rest = 0, ""
    try:
        for part in read_parts(reads, task):
            # A log that redaction has changed begins at another offset, with its first line.
            if part.offset != expected and (expected or part.line != 1):
                yield GAP
            yield part.text
            expected, rest = part.next_offset, part.rest
    except LakeflowJobsError as error:
        if expected == 0:
            raise
        rest = f"[The log continues, but could not be read: {clean_line(error.detail)}]\n"
    yield rest


def read_parts(reads: CachedReads, task: RunTask) -> Iterator[LogPart]:
    """Yield the log of a task so far, part by part."""
    offset = 0
    while True:
        part = reads.read_log(task, offset, MAX_PART_BYTES)
        yield part
        size = part.next_offset - offset
        # a task may write as fast as its log is read
        has_caught_up = size <= 0 or (size < MAX_PART_BYTES // 2 and not has_ended(task))
        if part.is_final or has_caught_up:
            return
        offset = part.next_offset
