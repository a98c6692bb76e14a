"""Checkpoints of streams, and the rows that are new in a Delta table: Sail has no streams."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from pyspark.sql import functions

from ...json_files import read_json, write_json
from ..files.data_files import is_true, lower_options
from ..files.file_readers import refuse_changes
from ..language.connect_plans import union_frames
from ..tables.delta_log import find_files, find_location, read_commits

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
    """The rows that a Delta table gets. At first all that it has.

    :param name: as SQL names the table.
    """

    def __init__(self, session: Any, name: str, options: dict[str, Any]) -> None:
        self._session = session
        self._name = name
        self._location = find_location(session.sql, name)
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
        refuse_changes(options)

    def read_all(self, version: str = "") -> Any:
        """Return all rows."""
        return self._session.sql(f"SELECT * FROM {self._name}{version}")

    def read_new(self, state: Any) -> tuple[Any, Any]:
        """Return the rows that are new since the state, and the new state."""
        commits = list(read_commits(self._location))
        last = commits[-1][0]
        if state is None or state["location"] != self._location:
            state = {"location": self._location, "first": last, "whole": self._start is None}
            if self._start is None:
                # They are read later. Rows that arrive until then belong to the next batch.
                return self.read_all(f" VERSION AS OF {last}"), {**state, "version": last}
            if self._start >= 0:
                state["first"] = self._start - 1
            state["version"] = state["first"]
        files = list(self._find_files(commits, state["version"]))
        return (self._load(files) if files else None), {**state, "version": last}

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
        files += self._find_files(commits, state["first"])
        return self._load(files) if files else None

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

    def _load(self, files: list[dict[str, Any]]) -> Any:
        if any(file.get("deletionVector") for file in files):
            raise ValueError(
                f"The files of {self._name} have deletion vectors, which a stream of the local "
                "workspace does not read. Set delta.enableDeletionVectors to false for a local run."
            )
        fields = self.read_all().schema.fields
        groups: dict[str, list[dict[str, Any]]] = {}
        for file in files:
            groups.setdefault(json.dumps(file.get("partitionValues", {})), []).append(file)
        frames = []
        for values, group in groups.items():
            paths = [os.path.join(self._location, unquote(each["path"])) for each in group]
            frame = self._session.read.parquet(*paths)
            for name, value in json.loads(values).items():
                frame = frame.withColumn(name, functions.lit(value))
            missing = {each.name for each in fields} - {*frame.columns}
            for name in missing:  # added to the table later
                frame = frame.withColumn(name, functions.lit(None))
            frames.append(frame.select(*(frame[e.name].cast(e.dataType) for e in fields)))
        return union_frames(frames)
