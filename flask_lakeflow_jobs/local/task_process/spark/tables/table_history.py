"""Queries that show what the log of a Delta table says: its history, its details, changed rows."""

from __future__ import annotations

import re
from typing import Any

from ...sql_syntax import Match, replace_syntax, unquote_part
from ..language.sql_literals import Query, parse_columns, write_rows
from .delta_log import (
    find_files,
    find_info,
    find_last,
    find_location,
    find_metadata,
    list_versions,
    read_commits,
)

_DESCRIBE = "(DESC | DESCRIBE) <kind: DETAIL | HISTORY> <name>"
_HISTORY = parse_columns(
    "version BIGINT, timestamp TIMESTAMP, userId STRING, userName STRING, operation STRING,"
    " operationParameters MAP<STRING, STRING>, readVersion BIGINT, isolationLevel STRING,"
    " isBlindAppend BOOLEAN, operationMetrics MAP<STRING, STRING>, userMetadata STRING,"
    " engineInfo STRING"
)
# Sail writes a . id = b . id
_PART = r"(?:\w+|`[^`]+`)"
_COMPARED = re.compile(
    rf"(?:{_PART} ?\. ?)*(?P<target>{_PART}) ?(?:=|<=>) ?(?:{_PART} ?\. ?)*(?P<source>{_PART})"
)
_UPDATED = "numUpdatedRows"
_COUNTS = {
    "num_updated_rows": (_UPDATED, "numTargetRowsUpdated"),
    "num_deleted_rows": ("numDeletedRows", "numTargetRowsDeleted"),
    "num_inserted_rows": ("numTargetRowsInserted",),
}
_DETAIL = parse_columns(
    "format STRING, id STRING, name STRING, description STRING, location STRING,"
    " createdAt TIMESTAMP, lastModified TIMESTAMP, partitionColumns ARRAY<STRING>,"
    " clusteringColumns ARRAY<STRING>, numFiles BIGINT, sizeInBytes BIGINT,"
    " properties MAP<STRING, STRING>, minReaderVersion INT, minWriterVersion INT,"
    " tableFeatures ARRAY<STRING>"
)


def replace_descriptions(statement: str, query: Query) -> str:
    """Replace ``DESCRIBE HISTORY`` and ``DESCRIBE DETAIL`` by queries."""

    def replacement(match: Match) -> str:
        location = find_location(query, match["name"])
        is_history = match["kind"].upper() == "HISTORY"
        return build_history(location) if is_history else build_detail(location, match["name"])

    return replace_syntax(_DESCRIBE, statement, replacement)


def build_history(location: str) -> str:
    """Return a query for the commits of a table, the last one first."""
    rows = []
    for version, actions in list(read_commits(location))[::-1]:
        info = {"operation": "UNKNOWN", **find_info(actions), "version": version}
        rows.append([info.get(name) for name in _HISTORY])
    return write_rows(_HISTORY, rows)


def build_counts(kind: str, location: str, version: int) -> str | None:
    """Return a query for the numbers of rows that a statement has changed.

    :param kind: ``DELETE``, ``MERGE`` or ``UPDATE``.
    :param version: of the table before it.
    :return: ``None`` if the log does not say it.
    """
    is_changed = list_versions(location)[-1] > version
    metrics: dict[str, Any] = {} if is_changed else {_UPDATED: 0}
    for _, actions in read_commits(location, version):
        info = find_info(actions)
        if info.get("operation") in ("DELETE", "MERGE", "UPDATE"):  # others may write too
            metrics = info.get("operationMetrics") or {}
            break
    if not any(key in metrics for keys in _COUNTS.values() for key in keys):
        return None
    counts = {name: sum(int(metrics.get(key, 0)) for key in keys) for name, keys in _COUNTS.items()}
    visible = {"num_affected_rows": sum(counts.values()), **(counts if kind == "MERGE" else {})}
    return f"SELECT {', '.join(f'{count}L AS {name}' for name, count in visible.items())}"


def build_detail(location: str, name: str) -> str:
    """Return a query for the format, the location and the size of a table."""
    commits = list(read_commits(location))
    files, metadata = find_files(commits), find_metadata(commits)
    protocol = find_last(commits, "protocol")
    features = (protocol.get("readerFeatures") or []) + (protocol.get("writerFeatures") or [])
    row = {
        "format": "delta",
        "id": metadata.get("id"),
        "name": None if name.startswith("delta.") else name,
        "description": metadata.get("description"),
        "location": f"file:{location}",
        "createdAt": metadata.get("createdTime"),
        "lastModified": find_last(commits, "commitInfo").get("timestamp"),
        "partitionColumns": metadata.get("partitionColumns") or [],
        "clusteringColumns": [],
        "numFiles": len(files),
        "sizeInBytes": sum(each.get("size", 0) for each in files.values()),
        "properties": metadata.get("configuration") or {},
        "minReaderVersion": protocol.get("minReaderVersion"),
        "minWriterVersion": protocol.get("minWriterVersion"),
        "tableFeatures": sorted(set(features)),
    }
    return write_rows(_DETAIL, [[row[name] for name in _DETAIL]])


def find_keys(info: dict[str, Any]) -> list[str]:
    """Return the columns that the condition of a MERGE compares by their names.

    :param info: of the commit.
    """
    condition = (info.get("operationParameters") or {}).get("mergePredicate", "")
    return [
        unquote_part(match["target"])
        for match in _COMPARED.finditer(condition)
        if match["target"].lower() == match["source"].lower()
    ]
