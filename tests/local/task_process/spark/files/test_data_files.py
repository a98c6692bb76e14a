"""Files as Spark finds them, the columns that folders stand for, and copies of JSON by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.spark.files.data_files import (
    copy_by_line,
    find_partition,
    has_folders,
    infer_types,
    name_rescued,
)


def test_columns_are_those_of_the_folders_below_the_root() -> None:
    found = find_partition("/in/a=0", "/in/a=0/day=2024-01-01/s=x%2Fy/b/part.csv")
    assert found == (("day", "2024-01-01"), ("s", "x/y"))
    assert find_partition("/in", "/in/n=__HIVE_DEFAULT_PARTITION__/part.csv") == (("n", None),)
    assert find_partition("/in/a=*", "/in/a=1/part.csv") == ()
    assert find_partition("/in/a=1/part.csv", "/in/a=1/part.csv") == ()


def test_has_folders_counts_no_partitions(tmp_path: Path) -> None:
    for name, expected in (("day=1/a.csv", False), ("_tmp/a.csv", False), ("b/a.csv", True)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
        assert has_folders(str(tmp_path)) is expected
    assert not has_folders(f"{tmp_path}/b/*.csv")
    assert not has_folders("s3://b/a")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", None], "int"),
        (["1", "3000000000"], "bigint"),
        (["1.5"], "double"),
        (["2024-01-01"], "date"),
        (["1", "x"], "string"),
        ([None], "string"),
    ],
)
def test_types_hold_for_all_values(values: list[str | None], kind: str) -> None:
    assert infer_types([(("n", each),) for each in values]) == {"n": kind}


@pytest.mark.parametrize(
    ("value", "lines"),
    [([{"a": 1}, {"a": [2]}], [{"a": 1}, {"a": [2]}]), ({"a": "x\ny"}, [{"a": "x\ny"}]), ([], [])],
)
def test_copy_has_each_value_in_a_line(value: Any, lines: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(value, indent=2))
    copy = Path(copy_by_line(str(file), str(tmp_path / "copies")))
    assert [*map(json.loads, copy.read_text().splitlines())] == lines


@pytest.mark.parametrize(
    ("options", "file_format", "is_inferred", "name"),
    [
        ({}, "json", True, "_rescued_data"),
        ({}, "binaryFile", True, None),
        ({}, "json", False, None),
        ({"rescueddatacolumn": "_r"}, "json", False, "_r"),
        ({"cloudfiles.rescueddatacolumn": "_r"}, "csv", True, "_r"),
    ],
)
def test_column_for_values_that_do_not_fit_has_a_name_if_columns_are_inferred(
    options: dict[str, str], file_format: str, is_inferred: bool, name: str | None
) -> None:
    assert name_rescued(options, file_format, is_inferred=is_inferred) == name
