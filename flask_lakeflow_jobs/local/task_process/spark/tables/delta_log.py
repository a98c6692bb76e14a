"""The log of a Delta table: its commits, which Sail does not list, its columns and new versions."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from ...paths import drop_scheme
from ..language.sql_literals import Query, write_text

#: A version of a table, and the actions that lead to it.
Commit = tuple[int, list[dict[str, Any]]]

#: The properties of features that Sail lacks. They change no result of other statements.
FEATURE = re.compile(
    r"delta\.(?:enable(?!DeletionVectors)\w+|feature\.[\w-]+|universalFormat\.\w+"
    r"|(?:\w+\.)?\w*Duration)",
    re.IGNORECASE,
)
#: The setting that lets each write add columns.
EVOLVES = "spark.databricks.delta.schema.autoMerge.enabled"
# The metadata of a column with a condition that each of its values meets.
_INVARIANTS = "delta.invariants"
_LOG = "_delta_log"
_COMMIT = re.compile(r"(\d{20})\.json")
_FILLED = re.compile(r'"(?:CURRENT_DEFAULT|delta\.(?:generation|identity)[.\w]*)"')


def find_folder(query: Query, name: str) -> str | None:
    """Return the folder of a Delta table; ``None`` if it has none on this machine.

    :param name: as SQL names it.
    """
    if match := re.fullmatch(r"\s*delta\s*\.\s*`([^`]+)`\s*", name):
        location = match[1]
    else:
        location = read_details(query, name).get("Location", "")
    location = drop_scheme(location)
    return location if os.path.isdir(os.path.join(location, _LOG)) else None


def read_details(query: Query, name: str) -> dict[str, str]:
    """Return what Sail says of a table or a view, such as its ``Type`` and its ``Location``."""
    return {row.col_name: row.data_type for row in query(f"DESCRIBE EXTENDED {name}").collect()}


def find_location(query: Query, name: str) -> str:
    """Return the folder of a Delta table.

    :raises ValueError: it has none on this machine.
    """
    if (location := find_folder(query, name)) is None:
        advice = "Copy it into a volume" if "://" in name else "Save it as a Delta table first"
        raise ValueError(
            f"{name} is no Delta table with files on this machine, so its history cannot be read "
            f"here. {advice}."
        )
    return location


def list_versions(location: str) -> list[int]:
    """Return the versions of a table whose commits are still in the log."""
    names = os.listdir(os.path.join(unquote(location), _LOG))
    return sorted(int(match[1]) for match in map(_COMMIT.fullmatch, names) if match)


def read_commits(location: str, after: int = -1) -> Iterator[Commit]:
    """Yield the version and the actions of each commit after a version that is in the log."""
    for version in list_versions(location):
        if version > after:
            with open(_find_commit(location, version), encoding="utf-8") as file:
                yield version, [json.loads(line) for line in file if line.strip()]


def limit_columns(location: str, conditions: dict[str, str]) -> bool:
    """Let Sail check each value of some columns of a table that was just created.

    This changes its first version, so that the rows get the second one, as on Databricks.

    :param conditions: SQL, by the names of the columns.
    :return: whether the table has changed.
    """
    ((version, actions), *later) = read_commits(location)
    if later or _INVARIANTS in str(actions) or any("add" in each for each in actions):
        return False  # the table has been there before
    (metadata,) = (each["metaData"] for each in actions if "metaData" in each)
    fields = list_fields(metadata)
    for field in fields:
        if (condition := conditions.get(field["name"])) is not None:
            field["metadata"][_INVARIANTS] = json.dumps({"expression": {"expression": condition}})
    metadata |= write_fields(fields)
    commit = _find_commit(location, version)
    with suppress(FileNotFoundError):
        os.unlink(f"{commit.removesuffix('json')}crc")  # which has the schema too
    os.replace(_write_part(commit, actions), commit)
    return True


def has_limits(query: Query, name: str) -> bool:
    """Return whether Sail checks the values of a column of a table."""
    location = find_folder(query, name)
    return location is not None and _INVARIANTS in read_metadata(location)["schemaString"]


def count_required(location: str) -> int:
    """Return how many columns of a table are ``NOT NULL``."""
    return sum(not each["nullable"] for each in list_fields(read_metadata(location)))


def write_metadata(location: str, changes: dict[str, Any]) -> None:
    """Change the metadata of a table by a commit."""
    info = {"timestamp": time.time_ns() // 10**6, "operation": "CHANGE COLUMN"}
    actions = [
        {"commitInfo": {**info, "operationParameters": {}}},
        {"metaData": {**read_metadata(location), **changes}},
    ]
    write_commit(location, list_versions(location)[-1] + 1, actions)


def write_commit(location: str, version: int, actions: list[dict[str, Any]]) -> None:
    """Add a version to the log of a table, whole or not at all.

    :raises FileExistsError: another writer has added it.
    """
    commit = _find_commit(location, version)
    part = _write_part(commit, actions)
    try:
        os.link(part, commit)
    finally:
        os.unlink(part)


def _write_part(commit: str, actions: list[dict[str, Any]]) -> str:
    part = f"{commit}.{os.getpid()}.part"
    with open(part, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(action) + "\n" for action in actions)
    return part


def _find_commit(location: str, version: int) -> str:
    return os.path.join(unquote(location), _LOG, f"{version:020}.json")


def find_files(commits: Iterable[Commit]) -> dict[str, dict[str, Any]]:
    """Return the files of a table after some commits, by their paths."""
    files = {}
    for _, actions in commits:
        for action in actions:
            if "add" in action:
                files[action["add"]["path"]] = action["add"]
            elif "remove" in action:
                files.pop(action["remove"]["path"], None)
    return files


def restore(location: str, name: str, find: Callable[[Commit], bool]) -> bool:
    """Give a table the files and the metadata of its last commit that is found.

    :param name: of the table.
    :return: whether its columns have changed.
    :raises ValueError: none is found.
    """
    commits = list(read_commits(location))
    last = max((version for version, _ in filter(find, commits)), default=-1)
    if last < 0 or commits[0][0] > 0:
        raise ValueError(
            f"[DELTA_CANNOT_RESTORE_TABLE_VERSION] The table {name} has no such version. "
            f"DESCRIBE HISTORY {name} lists them."
        )
    earlier = [commit for commit in commits if commit[0] <= last]
    old, new = find_files(earlier), find_files(commits)
    now = time.time_ns() // 10**6
    parameters = {"version": str(last)}
    info = {"timestamp": now, "operation": "RESTORE", "operationParameters": parameters}
    removed = (
        {
            "path": path,
            "partitionValues": each.get("partitionValues"),
            "deletionTimestamp": now,
            "dataChange": True,
        }
        for path, each in new.items()
        if path not in old
    )
    actions = [
        {"commitInfo": info},
        {"metaData": find_metadata(earlier)},
        *({"remove": each} for each in removed),
        *({"add": each} for path, each in old.items() if path not in new),
    ]
    write_commit(location, commits[-1][0] + 1, actions)
    return bool(find_metadata(earlier)["schemaString"] != find_metadata(commits)["schemaString"])


def read_metadata(location: str) -> dict[str, Any]:
    """Return the metadata of a table: its schema, its partitions and its properties."""
    return find_metadata(read_commits(location))


def find_metadata(commits: Iterable[Commit]) -> dict[str, Any]:
    """Return the metadata of a table after some commits."""
    return find_last(commits, "metaData")


def list_fields(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of a table, as its log describes them."""
    return list(json.loads(metadata["schemaString"])["fields"])


def write_fields(fields: list[dict[str, Any]]) -> dict[str, str]:
    """Return what changes in the metadata of a table that gets these columns."""
    return {"schemaString": json.dumps({"type": "struct", "fields": fields})}


def find_last(commits: Iterable[Commit], action: str) -> dict[str, Any]:
    """Return the last action of a kind; empty if there is none."""
    found: dict[str, Any] = {}
    for _, actions in commits:
        for each in actions:
            found = each.get(action, found)
    return found


def find_info(actions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the time, the operation and the numbers of a commit."""
    return next((each["commitInfo"] for each in actions if "commitInfo" in each), {})


def find_filled(query: Query, name: str) -> set[str]:
    """Return the columns that an INSERT may leave out, as they have values of their own."""
    location = find_folder(query, name)
    fields = list_fields(read_metadata(location)) if location is not None else []
    return {each["name"].lower() for each in fields if _FILLED.search(json.dumps(each["metadata"]))}


def reload_table(query: Query, table: str) -> None:
    """Let Sail read what the log of a table says of its columns."""
    location = find_location(query, table)
    if location not in table:  # which is the name of a folder
        query(f"DROP TABLE {table}")  # its files stay
        query(f"CREATE TABLE {table} USING delta LOCATION {write_text(location)}")
