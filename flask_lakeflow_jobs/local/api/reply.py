"""Replies that are not JSON: files, and replies without a body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from ..user_data.folder import read_chunks


class FileBody:
    """A part of a file as the body of a reply.

    :param file: is closed with the reply.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        yield from read_chunks(self._file, self.length)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of its own status, headers and body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileBody = b""

    @property
    def length(self) -> int:
        """The number of bytes of the body."""
        return self.body.length if isinstance(self.body, FileBody) else len(self.body)
