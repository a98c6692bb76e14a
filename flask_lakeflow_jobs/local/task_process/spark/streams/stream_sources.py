"""Checkpoints of streams, and the new rows of a table or a rate: Sail has no streams."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from typing import Any

from pyspark.sql import functions

from ...json_files import read_json, write_json
from ..files.data_files import is_true, lower_options, wants_changes
from ..language.connect_plans import union_frames
from ..tables.delta_log import find_files, find_info, find_location, read_commits
from ..tables.table_changes import TableChanges, mark_changes, read_table_files

_STATE = "lakeflow-local.json"


class Checkpoint:
    """Remembers in a folder what a stream has read.

    :param path: of the folder; without one, nothing is remembered.
    """

    def __init__(self, path: str | None) -> None:
        if path is not None and "://" in path:  # a storage that this machine does not have
            name = hashlib.sha256(path.encode()).hexdigest()[:16]
            path = os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "streams", name)
        self._file = None if path is None else os.path.join(path, _STATE)

    def read(self) -> dict[str, Any]:
        """Return the number of the next batch and the state of each source."""
        begin = {"batch": 0, "sources": []}
        return dict(begin if self._file is None else read_json(self._file, begin))

    def write(self, batch: int, sources: list[Any]) -> None:
        """Remember them, after a batch has been written."""
        if self._file is not None:
            write_json(self._file, {"batch": batch, "sources": sources})


class TableSource:
    """The rows that a Delta table gets, or its changes. At first all rows that it has.

    :param name: as SQL names the table.
    """

    def __init__(self, session: Any, name: str, options: dict[str, Any]) -> None:
        self._session = session
        self._name = name
        self._location = find_location(session.sql, name)
        self.description = f"DeltaSource[{self._location}]"
        own = lower_options(options)
        self._skips = is_true(own, "skipchangecommits") or is_true(own, "ignoredeletes")
        self._rereads = is_true(own, "ignorechanges")
        start = own.get("startingversion")
        self._start = None if start is None else -1 if start.lower() == "latest" else int(start)
        if "startingtimestamp" in own:
            raise NotImplementedError(
                "A stream of the local workspace does not begin at a time. Give startingVersion, "
                "which DESCRIBE HISTORY lists."
            )
        self._changes = TableChanges(session, name) if wants_changes(own) else None

    def read_all(self) -> Any:
        """Return all rows."""
        return self._mark(self._session.table(self._name), [])

    def read_new(self, state: Any) -> tuple[Any, Any]:
        """Return the rows that are new since the state, and the new state."""
        commits = list(read_commits(self._location))
        last = commits[-1][0]
        if state is None or state["location"] != self._location:
            state = {"location": self._location, "first": last, "whole": self._start is None}
            if self._start is None:
                # They are read later. Rows that arrive until then belong to the next batch.
                rows = self._session.sql(f"SELECT * FROM {self._name} VERSION AS OF {last}")
                return self._mark(rows, commits), {**state, "version": last}
            if self._start >= 0:
                state["first"] = self._start - 1
            state["version"] = state["first"]
        return self._read_later(commits, state["version"]), {**state, "version": last}

    def read_old(self, state: Any) -> Any:
        """Return the rows that were read up to a state; ``None`` if there are none.

        They are the rows of the version that was read first, and what later versions have added.
        """
        if state["location"] != self._location:
            return None
        commits = [each for each in read_commits(self._location) if each[0] <= state["version"]]
        begin = [each for each in commits if each[0] <= state["first"]]
        if state["whole"] and not (begin and begin[0][0] == 0):
            raise ValueError(
                f"The stream compares new rows with earlier ones, but the log of {self._name} does "
                "not go back to them. Remove the checkpoint to read all rows again."
            )
        files = list(find_files(begin).values()) if state["whole"] else []
        frames = [] if (first := self._load(files)) is None else [self._mark(first, begin)]
        if (later := self._read_later(commits, state["first"])) is not None:
            frames.append(later)
        return union_frames(frames) if frames else None

    def _mark(self, rows: Any, commits: list[Any]) -> Any:
        """Add the columns of changes to the rows after some commits, if changes are read."""
        if self._changes is None:
            return rows
        version, actions = commits[-1] if commits else (0, [])
        return mark_changes(rows, "insert", version, find_info(actions))

    def _read_later(self, commits: list[Any], version: int) -> Any:
        """Return what the commits after a version bring; ``None`` if it is nothing."""
        if self._changes is not None:
            return self._changes.read(version, commits[-1][0])
        return self._load(list(self._find_files(commits, version)))

    def _load(self, files: list[dict[str, Any]]) -> Any:
        return read_table_files(self._session, self._name, self._location, files)

    def _find_files(self, commits: list[Any], version: int) -> Iterator[dict[str, Any]]:
        for number, actions in commits:
            if number <= version:
                continue
            changes = any(each.get("remove", {}).get("dataChange") for each in actions)
            if changes and self._skips:
                continue
            if changes and not self._rereads:
                raise ValueError(
                    f"[DELTA_SOURCE_TABLE_IGNORE_CHANGES] The version {number} of {self._name} "
                    "updates or deletes rows, which a stream cannot pass on. Set the option "
                    "skipChangeCommits to 'true', or remove the checkpoint to read all again."
                )
            yield from (each["add"] for each in actions if each.get("add", {}).get("dataChange"))


class RateSource:
    """The rows of the format ``rate``: those of one more second at each start.

    As on Spark, a row has the time of the first start and of the rows before it.
    """

    def __init__(self, session: Any, options: dict[str, Any]) -> None:
        self._session = session
        self._rows = int(lower_options(options).get("rowspersecond", 1))
        self.description = f"RateStreamV2[rowsPerSecond={self._rows}]"

    def read_all(self) -> Any:
        """Return no row, with the columns."""
        return self.read_old({"begin": 0, "rows": 0})

    def read_new(self, state: Any) -> tuple[Any, Any]:
        """Return the rows of the next second, and the new state."""
        state = state or {"begin": time.time_ns() // 1000, "rows": 0}
        after = {**state, "rows": state["rows"] + self._rows}
        return self._read(state["begin"], state["rows"], after["rows"]), after

    def read_old(self, state: Any) -> Any:
        """Return the rows that were read up to a state."""
        return self._read(state["begin"], 0, state["rows"])

    def _read(self, begin: int, first: int, end: int) -> Any:
        value = functions.col("value")
        created = functions.timestamp_micros((begin + value * 1_000_000 / self._rows).cast("long"))
        rows = self._session.range(first, end).withColumnRenamed("id", "value")
        return rows.select(created.alias("timestamp"), "value")
