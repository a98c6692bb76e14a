"""Rows of a result in files of a limited size."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.task_process import result_chunks
from flask_lakeflow_jobs.local.task_process.result_chunks import ChunkWriter

ROWS = st.lists(st.tuples(st.one_of(st.none(), st.text(max_size=30))), max_size=30)


def write(
    rows: list[Any], chunk_bytes: int, row_limit: int = 0, byte_limit: int = 0
) -> tuple[ChunkWriter, list[Any]]:
    """Write rows; return the writer and the rows of each file."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(result_chunks, "_MAX_CHUNK_BYTES", chunk_bytes)
        writer = ChunkWriter(folder, row_limit, byte_limit)
        writer.write_all(rows)
        files = [Path(folder, str(index)) for index, _ in enumerate(writer.chunks)]
        assert len(list(Path(folder).iterdir())) == len(files)
        return writer, [json.loads(file.read_text(encoding="utf-8")) for file in files]


@given(ROWS, st.integers(1, 200), st.integers(0, 40))
def test_chunks_hold_all_rows_up_to_the_limit_in_order(
    rows: list[Any], chunk_bytes: int, row_limit: int
) -> None:
    writer, chunks = write(rows, chunk_bytes, row_limit=row_limit)
    kept = rows[:row_limit] if row_limit else rows
    assert [tuple(row) for chunk in chunks for row in chunk] == kept
    assert writer.is_truncated is (len(kept) < len(rows))
    for index, chunk in enumerate(writer.chunks):
        assert chunk["row_count"] == len(chunks[index]) > 0
        assert chunk["row_offset"] == sum(map(len, chunks[:index]))
        assert chunk["byte_count"] <= chunk_bytes or chunk["row_count"] == 1


@given(ROWS, st.integers(1, 300))
def test_byte_limit_keeps_whole_rows_below_it(rows: list[Any], byte_limit: int) -> None:
    writer, chunks = write(rows, 10**6, byte_limit=byte_limit)
    kept = [row for chunk in chunks for row in chunk]
    assert [tuple(row) for row in kept] == rows[: len(kept)]
    assert sum(chunk["byte_count"] for chunk in writer.chunks) <= byte_limit
    assert writer.is_truncated is (len(kept) < len(rows))


def test_result_above_the_limit_of_the_api_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_chunks, "MAX_RESULT_BYTES", 2**20)
    with pytest.raises(ValueError, match=r"^The result is larger than 1 MiB, the most that"):
        write([("x" * 2**19,)] * 3, 2**20)
