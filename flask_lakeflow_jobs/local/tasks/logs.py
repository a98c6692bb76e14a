"""Logs of tasks: the end that the Jobs API returns, and parts from a position on.

The Jobs API has no parts. There are some while a task writes its log, and afterwards. A part ends
behind a line or, in a long line, behind a word, and never inside a secret. It begins with a whole
word and, from the end of a log, with a line.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .redaction import SecretRedactor

#: The part of a task's logs and of a notebook's result that the Jobs API returns.
MAX_OUTPUT_BYTES = 5 * 1024 * 1024

#: The part of an error, and of its trace. Clients such as the app refuse responses without a limit.
MAX_ERROR_BYTES = 256 * 1024

#: Bytes of a part.
MIN_PART_BYTES = 4 * 1024
MAX_PART_BYTES = 1024 * 1024

#: Bytes of a line that is still being written.
_MAX_REST_BYTES = 8 * 1024

#: Lines are counted no further than this, as each part would take longer than the one before.
_MAX_COUNTED_BYTES = 64 * 1024 * 1024

#: Parts end behind a line or, in a line that is longer than a part, behind a word.
_BLANKS = (b"\n", b" ")

_NO_SECRETS = SecretRedactor([])


@dataclass(frozen=True, slots=True)
class TaskLogPart:
    """A part of a log.

    :param text: whole lines, without secrets.
    :param rest: the line after them that is still being written. The next part has it too.
    :param offset: the position of ``text``. It differs from the one that was asked for if the log
        has been cut or rewritten; then nothing before it is part of the log any more.
    :param next_offset: the position of the next part.
    :param is_final: the task has ended and nothing follows.
    :param line: the number of the first line, counted from 1; ``None`` if it is unknown.
    """

    text: str
    rest: str
    offset: int
    next_offset: int
    is_final: bool
    line: int | None


#: Of a task that has not started.
NO_LOG = TaskLogPart("", "", 0, 0, is_final=False, line=1)


def read_growing(path: Path, redactor: SecretRedactor, offset: int, limit: int) -> TaskLogPart:
    """Read a part of the log that a task is writing.

    :param offset: of the first byte; a negative one counts from the end.
    """
    try:
        with open(path, "rb") as file:

            def read(start: int, end: int) -> bytes:
                file.seek(start)
                return file.read(max(0, end - start))

            size = file.seek(0, os.SEEK_END)
            return _read_part(read, size, redactor, offset, limit, has_ended=False)
    except FileNotFoundError:  # the process has not been started
        return NO_LOG


def read_stored(text: str, start: int, offset: int, limit: int, *, is_whole: bool) -> TaskLogPart:
    """Read a part of the log that is stored of a task that has ended.

    :param start: the position of the stored text.
    :param offset: as for :func:`read_growing`.
    :param is_whole: whether the stored text has the beginning of the log.
    """
    data = text.encode(errors="replace")
    inner = offset if offset < 0 else offset - start if start <= offset else 0
    part = _read_part(
        lambda begin, end: data[begin:end],
        len(data),
        _NO_SECRETS,
        min(inner, len(data)),
        limit,
        has_ended=True,
    )
    return replace(
        part,
        rest="",
        offset=part.offset + start,
        next_offset=part.next_offset + start,
        line=part.line if is_whole else None,
    )


def read_tail(path: Path, redactor: SecretRedactor, *, has_ended: bool) -> tuple[str, bool, int]:
    """Return the last 5 MB of a log without secrets, whether it is longer, and their position."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - MAX_OUTPUT_BYTES)
            overlap = min(start, redactor.overlap)
            file.seek(start - overlap)
            data = file.read(overlap + MAX_OUTPUT_BYTES)
    except OSError:
        return "", False, 0
    end = len(data) if has_ended else redactor.find_begun(data)
    text = redactor.redact_log(data, overlap, end).decode(errors="replace")
    return text, start > 0, position_of_stored(text, size, start)


def position_of_stored(text: str, size: int, start: int) -> int:
    """Return where a stored log begins, so that those who have read it so far can go on.

    :param size: bytes that the task has written.
    :param start: the position from which on they are stored.
    """
    is_unchanged = len(text.encode(errors="replace")) == size - start
    # Redaction has moved the lines. Behind the end, the log begins again.
    return start if is_unchanged else size + 1


def _read_part(
    read: Callable[[int, int], bytes],
    size: int,
    redactor: SecretRedactor,
    offset: int,
    limit: int,
    *,
    has_ended: bool,
) -> TaskLogPart:
    if offset >= 0:
        start = _find_word(read, redactor, min(offset, size), min(limit, MIN_PART_BYTES))
    else:
        start = _align(read, size, max(0, size + offset))
    before = min(start, redactor.overlap)
    data = read(start - before, start + limit + redactor.overlap)
    is_last = start - before + len(data) >= size
    known = len(data) if has_ended and is_last else redactor.find_begun(data)
    secrets = redactor.find(data)
    end = _find_end(data[:known], before, secrets, limit, is_last=is_last, has_ended=has_ended)
    text = redactor.redact_log(data, before, end)
    rest = redactor.redact_log(data, end, known) if is_last else b""
    following = start + end - before
    return TaskLogPart(
        text.decode(errors="replace"),
        _decode_begun(rest[-_MAX_REST_BYTES:]),
        start,
        following,
        is_final=has_ended and following >= size,
        line=_count_lines(read, start),
    )


def _find_word(
    read: Callable[[int, int], bytes], redactor: SecretRedactor, start: int, limit: int
) -> int:
    """Return the start of the word around a position.

    The word may be a token, which the app redacts by its form when it reads a part. A position
    where a part has ended is returned as it is. It is behind a word, at a secret, or inside a word
    that is longer than a part.
    """
    first = max(0, start - limit)
    around = max(0, first - redactor.overlap)
    data = bytearray(read(around, start + redactor.overlap + 1))
    for begin, end in redactor.find(bytes(data)):
        if begin <= start - around <= end:
            return start
        data[begin:end] = b"*" * (end - begin)  # a blank in a secret ends no part
    behind = data[first - around : start - around]
    word = max(map(behind.rfind, _BLANKS)) + 1
    if word == len(behind) or (word == 0 and first + limit == start):
        return start
    return first + word


def _align(read: Callable[[int, int], bytes], size: int, start: int) -> int:
    """Return the start of a line or, inside of a long one, of a word."""
    behind = read(max(0, start - MIN_PART_BYTES), start)
    if start in (0, size) or behind.endswith(b"\n"):
        return start
    is_in_long_line = b"\n" not in behind and len(behind) == MIN_PART_BYTES
    if is_in_long_line and (behind.endswith(b" ") or b" " not in behind):
        return start
    ahead = read(start, start + MIN_PART_BYTES)
    for blank in _BLANKS if is_in_long_line else _BLANKS[:1]:
        if (found := ahead.find(blank)) >= 0:
            return start + found + 1
    return start


def _find_end(
    data: bytes,
    before: int,
    secrets: list[tuple[int, int]],
    limit: int,
    *,
    is_last: bool,
    has_ended: bool,
) -> int:
    """Return the end of the part in ``data``: after its last whole line, and in no secret.

    Only a secret that is longer than a part is divided.
    """
    most = min(len(data), before + limit)
    if is_last and has_ended and most == len(data):
        return most
    for blank in _BLANKS[:1] if is_last and most == len(data) else _BLANKS:
        end = data.rfind(blank, before, most) + 1
        while end and (inside := [first for first, last in secrets if first < end < last]):
            end = data.rfind(blank, before, min(inside)) + 1
        if end:
            return end
    if is_last and most == len(data):
        return before
    for first, last in secrets:
        if first < most < last:
            return first if first > before else most
    return most


def _count_lines(read: Callable[[int, int], bytes], start: int) -> int | None:
    if start > _MAX_COUNTED_BYTES:
        return None
    return 1 + sum(
        read(at, min(start, at + MAX_PART_BYTES)).count(b"\n")
        for at in range(0, start, MAX_PART_BYTES)
    )


def _decode_begun(data: bytes) -> str:
    """Decode what may end in the middle of a character."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data)
