"""Redaction of secrets in what a task has written and returned. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_MARK = "[REDACTED]"


class SecretRedactor:
    """Replaces secrets in the output of a task, however many pieces they are written in.

    :param secrets: their values; empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        texts = sorted(filter(None, secrets), key=len, reverse=True)
        self._values = [text.encode(errors="surrogateescape") for text in texts]
        self._text_pattern = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
        self._pattern = re.compile(b"|".join(map(re.escape, self._values)) or rb"(?!)")
        #: The number of bytes before a part of a log that may belong to a secret in this part.
        self.overlap = max(map(len, self._values), default=1) - 1

    def redact(self, value: Any) -> Any:
        """Replace the secrets in all strings of a JSON value."""
        if isinstance(value, str):
            return self._text_pattern.sub(_MARK, value)
        if isinstance(value, list):
            return [self.redact(each) for each in value]
        if isinstance(value, dict):
            return {key: self.redact(each) for key, each in value.items()}
        return value

    def find(self, data: bytes, *, has_ended: bool) -> list[tuple[int, int]]:
        """Return where secrets begin and end.

        :param has_ended: whether nothing follows. Otherwise, what may be the beginning of a secret
            counts too, and ends behind the data.
        """
        found = [match.span() for match in self._pattern.finditer(data)]
        last = found[-1][1] if found else 0
        if not has_ended and (begun := self._begun_length(data[last:])):
            found.append((len(data) - begun, len(data) + 1))
        return found

    def redact_log(self, data: bytes, start: int, *, has_ended: bool) -> bytes:
        """Return a log from a position on, without secrets and parts of them.

        :param data: the log, from at least ``overlap`` bytes before ``start`` on, if it has those.
        :param has_ended: whether the log is complete. Otherwise, what may be the beginning of a
            secret is held back.
        """
        pieces: list[bytes] = []
        last = 0
        for match in self._pattern.finditer(data):
            last = match.end()
            if last > start:
                pieces += [data[start : max(start, match.start())], _MARK.encode()]
                start = last
        end = len(data) if has_ended else len(data) - self._begun_length(data[last:])
        return b"".join([*pieces, data[start : max(start, end)]])

    def _begun_length(self, data: bytes) -> int:
        return max(
            (
                length
                for value in self._values
                for length in range(1, len(value))
                if data.endswith(value[:length])
            ),
            default=0,
        )
