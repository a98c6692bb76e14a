"""Copies of JSON files with one value a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.file_readers import copy_by_line


@pytest.mark.parametrize(
    ("value", "lines"),
    [([{"a": 1}, {"a": [2]}], [{"a": 1}, {"a": [2]}]), ({"a": "x\ny"}, [{"a": "x\ny"}]), ([], [])],
)
def test_copy_has_each_value_in_a_line(value: Any, lines: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(value, indent=2))
    copy = Path(copy_by_line(str(file), str(tmp_path / "copies")))
    assert [*map(json.loads, copy.read_text().splitlines())] == lines
