"""Copies of JSON files with one value a line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.file_readers import copy_by_line, wrap_load


@pytest.mark.parametrize(
    ("value", "lines"),
    [([{"a": 1}, {"a": [2]}], [{"a": 1}, {"a": [2]}]), ({"a": "x\ny"}, [{"a": "x\ny"}]), ([], [])],
)
def test_copy_has_each_value_in_a_line(value: Any, lines: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(value, indent=2))
    copy = Path(copy_by_line(str(file), str(tmp_path / "copies")))
    assert [*map(json.loads, copy.read_text().splitlines())] == lines


def test_folders_of_the_cloud_are_left_to_sail() -> None:
    load = wrap_load(lambda _, path, *__: path, str)
    reader = SimpleNamespace(options=lambda: None, _options={}, _format=None, _schema=None)
    assert load(reader, "s3://bucket/in", "parquet") == ["s3://bucket/in"]
