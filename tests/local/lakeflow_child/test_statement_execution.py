"""Parameters and results of one statement."""

from __future__ import annotations

import json
import tempfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.lakeflow_child import statement_execution
from flask_lakeflow_jobs.local.lakeflow_child.statement_execution import (
    ChunkWriter,
    convert_parameter,
)

ROWS = st.lists(st.tuples(st.one_of(st.none(), st.text(max_size=30))), max_size=30)


def convert(value: str | None, kind: str | None) -> Any:
    return convert_parameter({"name": "p", "value": value, "type": kind})


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("x", None, "x"),
        ("x", "VARCHAR(3)", "x"),
        ("7", "BIGINT", 7),
        (" 7 ", "int", 7),
        ("1.5", "DOUBLE", 1.5),
        ("1.505", "DECIMAL(10, 2)", Decimal("1.51")),
        ("1.5", "DECIMAL", Decimal("2")),
        ("1" * 38, "DECIMAL(38, 0)", Decimal("1" * 38)),
        ("TRUE", "BOOLEAN", True),
        ("2024-01-02", "DATE", date(2024, 1, 2)),
        ("2024-01-02T03:04:05Z", "TIMESTAMP", datetime(2024, 1, 2, 3, 4, 5)),
        ("2024-01-02 03:04:05+02:00", "TIMESTAMP", datetime(2024, 1, 2, 1, 4, 5)),
        (None, "INT", None),
        ("x", "VOID", None),
    ],
)
def test_parameter_has_the_value_of_its_type(value: str, kind: str, expected: Any) -> None:
    converted = convert(value, kind)
    assert (converted, type(converted)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("x", "INT", "The parameter 'p' is 'x', which is not a INT."),
        ("1_0", "INT", "The parameter 'p' is '1_0', which is not a INT."),
        ("NaN", "DECIMAL(3,1)", "The parameter 'p' is 'NaN', which is not a DECIMAL(3,1)."),
        ("1e38", "DECIMAL(38)", "The parameter 'p' is '1e38', which is not a DECIMAL(38)."),
        ("1", "DECIMAL(1,999999999)", "The parameter 'p' has the type DECIMAL(1,999999999), which"),
        ("maybe", "BOOLEAN", "The parameter 'p' is 'maybe', which is not a BOOLEAN."),
        ("2024-13-01", "DATE", "The parameter 'p' is '2024-13-01', which is not a DATE."),
        ("x", "POINT", "The parameter 'p' has the type POINT, which is not known here. Use one"),
    ],
)
def test_parameter_of_another_type_is_refused(value: str, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^The parameter") as caught:
        convert(value, kind)
    assert str(caught.value).startswith(message)


def write(rows: list[Any], chunk_bytes: int, **limits: int) -> tuple[ChunkWriter, list[Any]]:
    """Write rows; return the writer and the rows of each file."""
    limits = {"row_limit": 0, "byte_limit": 0, **limits}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(statement_execution, "_MAX_CHUNK_BYTES", chunk_bytes)
        writer = ChunkWriter(folder, **limits)
        writer.write_all(rows)
        files = [Path(folder, f"{index}.json") for index, _ in enumerate(writer.chunks)]
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
    monkeypatch.setattr(statement_execution, "MAX_RESULT_BYTES", 2**20)
    with pytest.raises(ValueError, match=r"^The result is larger than 1 MiB, the most that"):
        write([("x" * 2**19,)] * 3, 2**20)
