"""Replies that are not JSON: files, and replies without a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class FileBody:
    """A part of a file as the body of a reply.

    :param file: at the beginning of the part. It is closed with the reply.
    """

    file: BinaryIO
    length: int


@dataclass(frozen=True, slots=True)
class RawReply:
    """A reply of its own status, headers and body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileBody = b""

    @property
    def length(self) -> int:
        """The number of bytes of the body."""
        return self.body.length if isinstance(self.body, FileBody) else len(self.body)
