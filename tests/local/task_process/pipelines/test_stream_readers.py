"""Options of Databricks for readers of streams."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.stream_readers import read_changes


@pytest.mark.parametrize(
    ("reader", "kinds"),
    [
        (SimpleNamespace(_options={"readChangeFeed": True}), ["'insert' AS _change_type"]),
        (SimpleNamespace(_options={"readChangeFeed": "false"}), []),
        (SimpleNamespace(), []),
    ],
)
def test_changes_of_a_stream_are_inserted_rows(reader: Any, kinds: list[str]) -> None:
    class Rows(list[str]):
        def selectExpr(self, *columns: str) -> list[str]:  # noqa: N802 (its name in pyspark)
            return [each for each in columns if "_change_type" in each]

    assert read_changes(reader, Rows()) == kinds
