"""The rows that a SQL task has returned."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.runs.query_rows import read_rows


def test_read_rows_pads_short_rows_and_guards_formulas() -> None:
    rows = [{"values": [{"string_value": "=1+1"}]}, {"values": [{}, {"string_value": 'a"b'}]}]
    columns = [{"name": "@x"}, {"name": "y"}]
    output = {"sql_output": {"file_output": {"query_result": {"columns": columns, "rows": rows}}}}
    found = read_rows(output)
    assert found is not None
    assert found.rows == [["=1+1", None], [None, 'a"b']]
    assert list(found.to_csv()) == ["'@x,y\r\n", "'=1+1,\r\n", ',"a""b"\r\n']


@pytest.mark.parametrize("output", [{}, {"sql_output": None}, {"sql_output": {"file_output": {}}}])
def test_read_rows_of_an_output_without_any_is_none(output: dict[str, object]) -> None:
    assert read_rows(output) is None
