"""The log of a Delta table in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

COMMITS: list[list[dict[str, Any]]] = [
    [
        {"commitInfo": {"timestamp": 1000, "operation": "CREATE TABLE"}},
        {"metaData": {"id": "x", "partitionColumns": ["day"], "configuration": {"a": "it's"}}},
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["f"]}},
    ],
    [
        {"commitInfo": {"timestamp": 2000, "operation": "WRITE", "operationMetrics": {"n": 2}}},
        {"add": {"path": "a", "size": 10}},
        {"add": {"path": "b", "size": 5}},
    ],
    [{"remove": {"path": "a"}}],
]


def commit(table: str, version: int, *actions: dict[str, Any]) -> None:
    path = Path(table, "_delta_log", f"{version:020}.json")
    path.write_text("".join(json.dumps(each) + "\n" for each in actions))


def describe(location: str) -> Any:
    """Return a query that answers with the description of a table."""
    rows = [SimpleNamespace(col_name="Location", data_type=location)]
    return lambda _: SimpleNamespace(collect=lambda: rows)
