"""Redaction of secrets in what a task has written and returned. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, AnyStr

from ..model import map_texts

_MARK = "[REDACTED]"


class SecretRedactor:
    """Replaces secrets in the output of a task, however many pieces they are written in.

    Secrets that overlap are replaced by one mark. It stands for their first byte, so that the parts
    of a log together have the same marks as the whole log.

    :param secrets: their values; empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._texts = [*filter(None, secrets)]
        self._values = [text.encode(errors="surrogateescape") for text in self._texts]
        #: The number of bytes around a part of a log that may belong to a secret in this part.
        self.overlap = max(map(len, self._values), default=1) - 1

    def redact(self, value: Any) -> Any:
        """Replace the secrets in all strings of a JSON value."""

        def redact_text(text: str) -> str:
            return _replace(text, _MARK, _find(text, self._texts), 0, len(text))

        return map_texts(value, redact_text)

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Return where secrets begin and end. Those that overlap count as one."""
        return _find(data, self._values)

    def find_begun(self, data: bytes) -> int:
        """Return where a secret begins that the end of the log may have cut off.

        :return: the end of the log if there is none.
        """
        return min((_find_begun(data, value) for value in self._values), default=len(data))

    def redact_log(self, data: bytes, start: int, end: int) -> bytes:
        """Return a part of a log without secrets and pieces of them.

        :param data: the log, from at least ``overlap`` bytes before ``start`` on, to as many after
            ``end``, if it has those.
        """
        return _replace(data, _MARK.encode(), self.find(data), start, end)


def _find(text: AnyStr, values: Iterable[AnyStr]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for value in values:
        spans: list[tuple[int, int]] = []
        first = text.find(value)
        while first >= 0:
            _append(spans, first, first + len(value))
            first = text.find(value, first + 1)
        found += spans
    merged: list[tuple[int, int]] = []
    for first, last in sorted(found):
        _append(merged, first, last)
    return merged


def _find_begun(data: bytes, value: bytes) -> int:
    """Return where a secret may begin whose rest is not in the data; the end if there is none."""
    first = data.find(value[:1], max(0, len(data) - len(value) + 1))
    while first >= 0 and not value.startswith(data[first:]):
        first = data.find(value[:1], first + 1)
    return first if first >= 0 else len(data)


def _append(spans: list[tuple[int, int]], first: int, last: int) -> None:
    """Append a span that begins no earlier than the others; merge it with one that it overlaps."""
    if spans and first < spans[-1][1]:
        first, last = spans[-1][0], max(last, spans.pop()[1])
    spans.append((first, last))


def _replace(
    text: AnyStr, mark: AnyStr, spans: list[tuple[int, int]], start: int, end: int
) -> AnyStr:
    pieces: list[AnyStr] = []
    for first, last in spans:
        if last > start and first < end:
            pieces += [text[start:first], mark if first >= start else text[:0]]
            start = last
    pieces.append(text[start:end])
    return text[:0].join(pieces)
