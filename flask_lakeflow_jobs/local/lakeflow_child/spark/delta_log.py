"""The commits of a Delta table, which Sail does not list: read from the files of its log."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import unquote

from .column_sql import write_text
from .spark_catalog import NAME_PART

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_COMMIT = re.compile(r"(\d{20})\.json")
_DESCRIBE = re.compile(
    r"((?:^|\()\s*)DESC(?:RIBE)?\s+(HISTORY|DETAIL)\s+"
    rf"({NAME_PART}(?:\.{NAME_PART})*)",
    re.IGNORECASE,
)
_HISTORY = {
    "version": "BIGINT",
    "timestamp": "TIMESTAMP",
    "userId": "STRING",
    "userName": "STRING",
    "operation": "STRING",
    "operationParameters": "MAP<STRING, STRING>",
    "readVersion": "BIGINT",
    "isolationLevel": "STRING",
    "isBlindAppend": "BOOLEAN",
    "operationMetrics": "MAP<STRING, STRING>",
    "userMetadata": "STRING",
    "engineInfo": "STRING",
}
_DETAIL = {
    "format": "STRING",
    "id": "STRING",
    "name": "STRING",
    "description": "STRING",
    "location": "STRING",
    "createdAt": "TIMESTAMP",
    "lastModified": "TIMESTAMP",
    "partitionColumns": "ARRAY<STRING>",
    "clusteringColumns": "ARRAY<STRING>",
    "numFiles": "BIGINT",
    "sizeInBytes": "BIGINT",
    "properties": "MAP<STRING, STRING>",
    "minReaderVersion": "INT",
    "minWriterVersion": "INT",
    "tableFeatures": "ARRAY<STRING>",
}


def replace_descriptions(statement: str, query: Callable[[str], Any]) -> str:
    """Replace ``DESCRIBE HISTORY`` and ``DESCRIBE DETAIL`` by queries.

    :param query: runs a statement of Sail.
    """

    def replacement(match: re.Match[str]) -> str:
        location = find_location(query, match[3])
        is_history = match[2].upper() == "HISTORY"
        text = build_history(location) if is_history else build_detail(location, match[3])
        return f"{match[1]}{text}"

    return _DESCRIBE.sub(replacement, statement)


def find_location(query: Callable[[str], Any], name: str) -> str:
    """Return the folder of a table.

    :param name: as SQL names it.
    :raises ValueError: it has no folder on this machine.
    """
    if match := re.fullmatch(r"\s*delta\s*\.\s*`([^`]+)`\s*", name):
        location = match[1]
    else:
        rows = query(f"DESCRIBE EXTENDED {name}").collect()
        location = {row.col_name: row.data_type for row in rows}.get("Location", "")
    location = re.sub("^file:(?://)?(?=/)", "", location)
    if not os.path.isdir(os.path.join(location, "_delta_log")):
        raise ValueError(
            f"{name} is no Delta table with files on this machine, so its history cannot be read "
            "here. Save it as a Delta table first."
        )
    return location


def build_history(location: str, limit: int | None = None) -> str:
    """Return a query for the commits of a table, the last one first."""
    rows = []
    for version, actions in list(read_commits(location))[::-1][:limit]:
        info: dict[str, Any] = next(
            (each["commitInfo"] for each in actions if "commitInfo" in each), {}
        )
        rows.append({**info, "version": version, "operation": info.get("operation", "UNKNOWN")})
    return _build_query(_HISTORY, rows)


def build_detail(location: str, name: str) -> str:
    """Return a query for the format, the location and the size of a table."""
    metadata: dict[str, Any] = {}
    protocol: dict[str, Any] = {}
    files: dict[str, int] = {}
    modified = None
    for _, actions in read_commits(location):
        for action in actions:
            metadata = action.get("metaData", metadata)
            protocol = action.get("protocol", protocol)
            modified = action.get("commitInfo", {}).get("timestamp", modified)
            if "add" in action:
                files[action["add"]["path"]] = action["add"].get("size", 0)
            elif "remove" in action:
                files.pop(action["remove"]["path"], None)
    features = (protocol.get("readerFeatures") or []) + (protocol.get("writerFeatures") or [])
    row = {
        "format": "delta",
        "id": metadata.get("id"),
        "name": None if name.startswith("delta.") else name,
        "description": metadata.get("description"),
        "location": f"file:{location}",
        "createdAt": metadata.get("createdTime"),
        "lastModified": modified,
        "partitionColumns": metadata.get("partitionColumns") or [],
        "clusteringColumns": [],
        "numFiles": len(files),
        "sizeInBytes": sum(files.values()),
        "properties": metadata.get("configuration") or {},
        "minReaderVersion": protocol.get("minReaderVersion"),
        "minWriterVersion": protocol.get("minWriterVersion"),
        "tableFeatures": sorted(set(features)),
    }
    return _build_query(_DETAIL, [row])


def read_commits(location: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield the version and the actions of each commit that is still in the log."""
    folder = os.path.join(unquote(location), "_delta_log")
    for match in filter(None, map(_COMMIT.fullmatch, sorted(os.listdir(folder)))):
        with open(os.path.join(folder, match[0]), encoding="utf-8") as file:
            yield int(match[1]), [json.loads(line) for line in file if line.strip()]


def read_metadata(location: str) -> dict[str, Any]:
    """Return the metadata of a table: its schema, its partitions and its properties."""
    metadata: dict[str, Any] = {}
    for _, actions in read_commits(location):
        for action in actions:
            metadata = action.get("metaData", metadata)
    return metadata


def _build_query(columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    values = ", ".join(
        f"({', '.join(_to_sql(row.get(name), kind) for name, kind in columns.items())})"
        for row in rows
    )
    return f"SELECT * FROM VALUES {values} AS commits({', '.join(columns)})"  # noqa: S608 (texts are quoted)


def _to_sql(value: Any, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind == "TIMESTAMP":
        return f"timestamp_millis({value}L)"
    if kind.startswith("ARRAY"):
        return f"CAST(array({', '.join(map(write_text, value))}) AS {kind})"
    if kind.startswith("MAP"):
        pairs = [write_text(_to_text(each)) for pair in value.items() for each in pair]
        return f"CAST(map({', '.join(pairs)}) AS {kind})"
    return f"CAST({write_text(_to_text(value))} AS {kind})"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
