"""The changes of a Delta table, which Sail does not list.

They are the rows that a commit adds to those before it, and removes from them. A row that a MERGE
replaces is updated if the columns that its condition compares stay the same. Without such a
condition, it is deleted and inserted.

Databricks, documentation of `readChangeFeed`, has the columns and the options.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote

from pyspark.sql import Window, functions

from ...function_calls import FunctionCall, replace_calls
from ..files.data_files import Translate, begin_at_root, lower_options, wants_changes
from ..files.read_files import Evaluate, create_view
from ..language.connect_plans import union_frames
from ..language.sql_corrections import NEVER
from ..language.sql_names import quote_part
from .delta_log import find_info, find_location, read_commits
from .table_history import find_keys


def load_changes(load: Callable[..., Any], translate: Translate) -> Callable[..., Any]:
    """Let a reader load the changes of a table by its path."""

    @wraps(load)
    def load_rows_or_changes(
        self: Any, path: Any = None, format: str | None = None, schema: Any = None, **options: Any
    ) -> Any:
        own = lower_options({**self._options, **options})
        if not wants_changes(own):
            return load(self, path, format, schema, **options)
        folder = translate(begin_at_root(path or own.get("path", "")))
        return TableChanges(self._client, f"delta.`{folder}`").read_range(own)

    return load_rows_or_changes


def replace_table_changes(statement: str, session: Any, evaluate: Evaluate) -> str:
    """Replace each call of ``table_changes`` by the name of a view of the changes.

    :param statement: without comments.
    """

    def define(call: FunctionCall) -> str:
        table, *bounds = map(evaluate, call.arguments)
        options = {
            f"{begin}{'version' if isinstance(bound, int) else 'timestamp'}": str(bound)
            for begin, bound in zip(("starting", "ending"), bounds, strict=False)
        }
        return create_view(TableChanges(session, table).read_range(options))

    return replace_calls(statement, ["table_changes"], define, must_end=True)


class TableChanges:
    """The changes of a Delta table.

    :param name: as SQL names the table.
    """

    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._name = name
        self._location = find_location(session.sql, name)

    def read_range(self, options: dict[str, str]) -> Any:
        """Return the changes from a version or a time to another, both included.

        :param options: with names in lower case; without an end, to the last version.
        :raises ValueError: they have no start, or one after the last version.
        """
        times = {
            version: find_info(actions).get("timestamp", 0)
            for version, actions in read_commits(self._location)
        }
        first, last = (self._find_version(options, each, times) for each in ("starting", "ending"))
        if first is None:
            raise ValueError(
                "[DELTA_NO_START_FOR_CDC_READ] The changes of a table need a start. Give "
                "startingVersion or startingTimestamp; DESCRIBE HISTORY lists the versions."
            )
        if first > max(times):
            raise ValueError(
                f"[DELTA_INVALID_CDC_RANGE] The start version {first} cannot be greater than the "
                f"latest version of the table ({max(times)}). Wait for the next write."
            )
        changes = self.read(first - 1, max(times) if last is None else last)
        if changes is None:
            return mark_changes(self._session.table(self._name).limit(0), "insert", 0, {})
        return changes

    def read(self, after: int, last: int) -> Any:
        """Return the changes after a version, up to another; ``None`` if there are none."""
        found = (
            self._find_changes(version, actions)
            for version, actions in read_commits(self._location, after)
            if version <= last
        )
        frames = [each for each in found if each is not None]
        return union_frames(frames) if frames else None

    def _find_version(
        self, options: dict[str, str], begin: str, times: dict[int, int]
    ) -> int | None:
        if (version := options.get(f"{begin}version")) is not None:
            return int(version)
        if (text := options.get(f"{begin}timestamp")) is None:
            return None
        moment = functions.lit(text).cast("timestamp")
        row = self._session.range(1).select(functions.unix_millis(moment)).first()
        if begin == "ending":
            return max((each for each, time in times.items() if time <= row[0]), default=-1)
        return min((each for each, time in times.items() if time >= row[0]), default=max(times) + 1)

    def _find_changes(self, version: int, actions: list[dict[str, Any]]) -> Any:
        """Return the changes of a commit; ``None`` if there are none."""
        info = find_info(actions)
        added, removed = (self._read(actions, each) for each in ("add", "remove"))
        if added is not None and removed is not None:
            added, removed = added.exceptAll(removed), removed.exceptAll(added)
        is_update = info.get("operation") == "UPDATE"
        kinds = ("update_preimage", "update_postimage") if is_update else ("delete", "insert")
        frames = [
            mark_changes(rows, kind, version, info)
            for kind, rows in zip(kinds, (removed, added), strict=True)
            if rows is not None
        ]
        keys = find_keys(info)
        if len(frames) == 2 and keys:
            return _find_updates(union_frames(frames), keys)
        return union_frames(frames) if frames else None

    def _read(self, actions: list[dict[str, Any]], kind: str) -> Any:
        files = [each[kind] for each in actions if each.get(kind, {}).get("dataChange")]
        return read_table_files(self._session, self._name, self._location, files)


def _find_updates(changes: Any, keys: list[str]) -> Any:
    """Take the deletion and the insertion of one key for an update."""
    rows = Window.partitionBy(*map(quote_part, keys))
    kind = functions.col("_change_type")
    is_update = functions.min(kind).over(rows) != functions.max(kind).over(rows)
    part = functions.when(kind == "insert", "update_postimage").otherwise("update_preimage")
    return changes.withColumn("_change_type", functions.when(is_update, part).otherwise(kind))


def mark_changes(rows: Any, kind: str, version: int, info: dict[str, Any]) -> Any:
    """Add the columns of changes to rows.

    :param info: of the commit.
    """
    columns = {
        "_change_type": f"'{kind}'",
        "_commit_version": f"{version}L",
        "_commit_timestamp": f"timestamp_millis({info.get('timestamp', 0)}L)",
    }
    # Not constants: Sail loses columns if a filter leaves out parts of a union.
    return rows.withColumns(
        {
            name: functions.expr(f"CASE WHEN {NEVER} THEN NULL ELSE {value} END")
            for name, value in columns.items()
        }
    )


def read_table_files(session: Any, name: str, location: str, files: list[dict[str, Any]]) -> Any:
    """Return the rows of files, with the columns that a table has now; ``None`` without files.

    :param files: as commits add and remove them.
    """
    if not files:
        return None
    if any(file.get("deletionVector") for file in files):
        raise ValueError(
            f"Files in {location} have deletion vectors, which the local workspace does not read. "
            "Set delta.enableDeletionVectors to false for a local run."
        )
    fields = session.table(name).schema.fields
    groups: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        groups.setdefault(json.dumps(file.get("partitionValues") or {}), []).append(file)
    frames = []
    for values, group in groups.items():
        paths = [os.path.join(location, unquote(each["path"])) for each in group]
        frame = session.read.parquet(*paths)
        for name, value in json.loads(values).items():
            frame = frame.withColumn(name, functions.lit(value))
        missing = {each.name for each in fields} - {*frame.columns}
        for name in missing:  # added to the table later
            frame = frame.withColumn(name, functions.lit(None))
        frames.append(frame.select(*(frame[e.name].cast(e.dataType) for e in fields)))
    return union_frames(frames)
