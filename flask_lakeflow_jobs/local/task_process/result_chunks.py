"""Writes the rows of a result to files: as JSON, or as streams of Apache Arrow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from .result_types import to_text

Row = tuple[Any, ...]
#: The name of a column, and its type as Spark writes it.
Field = tuple[str, str]

#: The largest result of a statement. Source: databricks-sdk, disposition INLINE.
MAX_RESULT_BYTES = 25 * 2**20
#: The largest one with another disposition, as far as the workspace keeps results.
MAX_LINKED_BYTES = 256 * 2**20
_MAX_CHUNK_BYTES = 8 * 2**20


class ChunkWriter:
    """Writes the rows of a result to files of a limited size.

    :param row_limit: the number of rows to keep; 0: all.
    :param byte_limit: the size of the rows as JSON to keep; 0: all, up to what the API allows.
    :param is_inline: whether the replies of the API have the rows in them.
    :param arrow_fields: those of rows that are written as streams of Arrow; ``None``: as JSON.
    """

    def __init__(
        self,
        folder: str,
        row_limit: int,
        byte_limit: int,
        *,
        is_inline: bool = True,
        arrow_fields: list[Field] | None = None,
    ) -> None:
        self._folder = folder
        self._row_limit = row_limit
        self._byte_limit = byte_limit
        self._max_bytes = MAX_RESULT_BYTES if is_inline else MAX_LINKED_BYTES
        self._arrow_fields = arrow_fields
        self._rows: list[Any] = []
        self._size = 0
        self._total_rows = 0
        self._total_size = 0
        self.chunks: list[dict[str, int]] = []
        self.is_truncated = False

    def write_all(self, rows: Iterable[Row]) -> None:
        """Write rows until there are none, or a limit is reached.

        :raises ValueError: the result is larger than the API allows.
        """
        for row in rows:
            text = json.dumps([to_text(each) for each in row], ensure_ascii=False)
            size = len(text.encode("utf-8", "backslashreplace"))
            is_above_rows = 0 < self._row_limit <= self._total_rows
            if is_above_rows or 0 < self._byte_limit < self._total_size + size:
                self.is_truncated = True
                break
            if self._total_size + size > self._max_bytes:
                raise ValueError(
                    f"The result is larger than {self._max_bytes // 2**20} MiB, the most that a "
                    "statement returns here. Set a row_limit or a byte_limit, or select less."
                )
            self._add(text if self._arrow_fields is None else row, size)
        self._flush()

    def _add(self, row: Any, size: int) -> None:
        if self._rows and self._size + size > _MAX_CHUNK_BYTES:
            self._flush()
        self._rows.append(row)
        self._size += size
        self._total_rows += 1
        self._total_size += size

    def _flush(self) -> None:
        if not self._rows:
            return
        path = os.path.join(self._folder, str(len(self.chunks)))
        if self._arrow_fields is None:
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"[{','.join(self._rows)}]")
        else:
            from .arrow_streams import write_stream  # pyarrow may be missing

            write_stream(path, self._arrow_fields, self._rows)
            self._size = os.path.getsize(path)
        offset = self._total_rows - len(self._rows)
        self.chunks.append(
            {"row_offset": offset, "row_count": len(self._rows), "byte_count": self._size}
        )
        self._rows, self._size = [], 0
