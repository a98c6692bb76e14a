"""The sources of streams on Sail, which has none: what is new in a folder or in a Delta table."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ..json_files import read_json, write_json
from ..workspace_paths import find_address
from .data_files import Partition, find_partition, infer_types, list_files
from .delta_log import find_files, find_location, read_commits
from .json_values import infer_texts
from .language.connect_plans import union_frames
from .language.spark_advice import NO_CHANGES
from .language.sql_names import quote_part

_STATE = "lakeflow-local.json"
_RESCUED = "_rescued_data"
_OWN_OPTIONS = ("pathglobfilter", "rescueddatacolumn")
#: The column of the file that a row is from. It exists if the stream names it.
METADATA = "_metadata"

#: The names of columns in the first line of a file.
Header = tuple[str, ...] | None


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


class FileSource:
    """The files of a folder, each of which is read once.

    :param path: of the folder on this machine, perhaps with ``*``.
    :param options: of the reader. Those of ``cloudFiles`` choose the format.
    """

    def __init__(
        self, session: Any, path: str, file_format: str, schema: Any, options: dict[str, Any]
    ) -> None:
        self._session = session
        self._path = path
        is_auto_loader = file_format.lower() == "cloudfiles"
        own = {key.lower(): value for key, value in options.items()}
        self._format = own.get("cloudfiles.format", "parquet") if is_auto_loader else file_format
        self._schema = schema
        self._hints = own.get("cloudfiles.schemahints")
        self._pattern = own.get("pathglobfilter", "*")
        self._rescued = own.get("rescueddatacolumn") or own.get("cloudfiles.rescueddatacolumn")
        if is_auto_loader and not schema and self._format.lower() != "binaryfile":
            self._rescued = self._rescued or _RESCUED
        self._options = {
            key: value
            for key, value in options.items()
            if not key.lower().startswith("cloudfiles.") and key.lower() not in _OWN_OPTIONS
        }
        is_typed = str(own.get("cloudfiles.infercolumntypes")).lower() == "true"
        if is_auto_loader and is_typed:
            self._options["inferSchema"] = "true"
        is_inferred = is_auto_loader and not schema
        kind = self._format.lower()
        lines = kind == "json" and str(own.get("multiline")).lower() != "true"
        self._has_texts = is_inferred and lines and not is_typed
        header = str(own.get("header")).lower() == "true"
        self._has_headers = is_inferred and kind == "csv" and header
        self._separator = own.get("sep") or own.get("delimiter") or ","

    def read_all(self, *, has_metadata: bool = False) -> Any:
        """Return the rows of all files that there are."""
        return self._read(list_files(self._path, self._pattern), has_metadata=has_metadata)

    def read(self, files: list[str]) -> Any:
        """Return the rows of files, with the column of the file."""
        return self._read(files, has_metadata=True)

    def read_new(self, state: Any, *, has_metadata: bool) -> tuple[Any, Any]:
        """Return the rows of the files that are not in the state, and the new state.

        :return: ``None`` in place of the rows if there are no new files.
        """
        known = set(state or ())
        new = [file for file in list_files(self._path, self._pattern) if file not in known]
        rows = self._read(new, has_metadata=has_metadata) if new else None
        return rows, [*(state or ()), *new]

    def read_old(self, state: Any, *, has_metadata: bool) -> Any:
        """Return the rows of the files in a state; ``None`` if there are none.

        :raises ValueError: a file is gone.
        """
        for file in state:
            if not os.path.exists(file):
                raise ValueError(
                    f"The stream compares new rows with those of {file}, which is gone. Put it "
                    "back, or remove the checkpoint to read the files that are there again."
                )
        return self._read(state, has_metadata=has_metadata) if state else None

    def _read(self, files: list[str], *, has_metadata: bool) -> Any:
        if not files and not self._schema:
            raise ValueError(
                f"There is no file in {self._path}, so its columns are unknown. Put a file there, "
                "or give a schema, such as .schema('id INT')."
            )
        if not files:
            return self._add_metadata(self._session.createDataFrame([], self._schema), None)
        schema = self._schema
        everything = sorted({*files, *list_files(self._path, self._pattern)})
        is_inferred = not schema and self._format.lower() not in ("binaryfile", "text")
        if is_inferred and (has_metadata or files != everything):
            schema = self._load(everything, None, everything).schema  # some may lack columns
        if not has_metadata:
            return self._add_rescued(self._load(files, schema, everything))
        frames = [self._add_metadata(self._load([f], schema, everything), f) for f in files]
        return self._add_rescued(union_frames(frames))

    def _load(self, files: list[str], schema: Any, among: list[str]) -> Any:
        """Return the rows of files.

        :param among: all files that there are, whose folders have columns.
        """
        groups: dict[tuple[Partition, Header], list[str]] = {}
        for file in files:
            key = find_partition(self._path, file), self._read_header(file)
            groups.setdefault(key, []).append(file)
        hints = self._session.createDataFrame([], self._hints).schema if self._hints else ()
        if not schema and self._has_texts:
            schema = infer_texts(files, hints)
        if not schema and len(groups) > 1:
            schema = self._infer(groups)
        kinds: dict[str, Any] = infer_types(find_partition(self._path, each) for each in among)
        names = list(kinds)
        if names and schema:
            declared = self._session.createDataFrame([], schema)
            kinds |= {each.name: each.dataType for each in declared.schema.fields}
            schema = declared.drop(*names).schema  # of the files themselves
        frames = [
            self._load_group(
                each, schema, {n: (dict(pairs).get(n), kinds[n]) for n in names}, header
            )
            for (pairs, header), each in groups.items()
        ]
        frame = union_frames(frames)
        for field in () if self._has_texts else hints:
            if field.name in frame.columns:
                value = frame[field.name].try_cast(field.dataType)
                frame = frame.withColumn(field.name, value)
        return frame

    def _load_group(
        self, files: list[str], schema: Any, values: dict[str, Any], header: Header = None
    ) -> Any:
        """Return the rows of files in one folder, with the columns of the folder.

        :param header: of the files, whose columns may have another order than the schema.
        """
        from pyspark.sql import functions

        reader = self._session.read.format(self._format).options(**self._options)
        own = schema
        if schema and header is not None:
            own = ", ".join(
                f"{quote_part(name)} "
                + (schema[name].dataType.simpleString() if name in schema.names else "STRING")
                for name in header
            )
        frame = (reader.schema(own) if own else reader).load(files)
        if own is not schema:
            columns = (
                frame[each.name]
                if each.name in frame.columns
                else functions.lit(None).cast(each.dataType).alias(each.name)
                for each in schema.fields
            )
            frame = frame.select(*columns)
        for name, (value, kind) in values.items():
            frame = frame.withColumn(name, functions.lit(value).cast(kind))
        return frame

    def _infer(self, groups: dict[tuple[Partition, Header], list[str]]) -> Any:
        """Return the columns of all files; one that differs in type between them is a text."""
        from pyspark.sql.types import StringType, StructField, StructType

        headers: dict[Header, list[str]] = {}
        for (_, header), files in groups.items():
            headers.setdefault(header, []).extend(files)
        fields: dict[str, Any] = {}
        for files in headers.values():
            for field in self._load_group(files, None, {}).schema.fields:
                if fields.setdefault(field.name, field).dataType != field.dataType:
                    fields[field.name] = StructField(field.name, StringType())
        return StructType([*fields.values()])

    def _read_header(self, file: str) -> Header:
        """Return the columns that a file names; ``None`` if they do not count.

        Auto Loader finds columns by their names, also if files have them in another order.
        """
        if not self._has_headers:
            return None
        with open(file, encoding="utf-8-sig", newline="") as lines:
            return tuple(next(csv.reader(lines, delimiter=self._separator), ()))

    def _add_rescued(self, frame: Any) -> Any:
        from pyspark.sql import functions

        if self._rescued:
            frame = frame.withColumn(self._rescued, functions.lit(None).cast("string"))
        return frame

    def _add_metadata(self, frame: Any, file: str | None) -> Any:
        from pyspark.sql import functions

        status = os.stat(file) if file else None
        values = {
            "file_path": (file and find_address(file), "string"),
            "file_name": (os.path.basename(file) if file else None, "string"),
            "file_size": (status and status.st_size, "long"),
            "file_modification_time": (status and status.st_mtime, "timestamp"),
        }
        fields = [
            functions.lit(value).cast(kind).alias(name) for name, (value, kind) in values.items()
        ]
        return frame.withColumn(METADATA, functions.struct(*fields))


class TableSource:
    """The rows that a Delta table gets. At first all that it has.

    :param name: as SQL names the table.
    :param options: of the reader.
    """

    def __init__(self, session: Any, name: str, options: dict[str, Any]) -> None:
        self._session = session
        self._name = name
        self._location = find_location(session.sql, name)
        own = {key.lower(): str(value).lower() for key, value in options.items()}
        self._skips = own.get("skipchangecommits") == "true" or own.get("ignoredeletes") == "true"
        self._rereads = own.get("ignorechanges") == "true"
        start = own.get("startingversion")
        self._start = None if start is None else -1 if start == "latest" else int(start)
        if "startingtimestamp" in own:
            raise NotImplementedError(
                "A stream of the local workspace does not begin at a time. Give startingVersion, "
                "which DESCRIBE HISTORY lists."
            )
        refuse_changes(options)

    def read_all(self, *, has_metadata: bool = False) -> Any:
        """Return all rows."""
        return self._select("")

    def _select(self, version: str) -> Any:
        query = f"SELECT * FROM {self._name}{version}"  # noqa: S608 (of the user's task)
        return self._session.sql(query)

    def read_new(self, state: Any, *, has_metadata: bool) -> tuple[Any, Any]:
        """Return the rows that are new since the state, and the new state."""
        commits = list(read_commits(self._location))
        last = commits[-1][0]
        if state is None or state["location"] != self._location:
            state = {"location": self._location, "first": last, "whole": self._start is None}
            if self._start is None:
                # They are read later. Rows that arrive until then belong to the next batch.
                return self._select(f" VERSION AS OF {last}"), {**state, "version": last}
            if self._start >= 0:
                state["first"] = self._start - 1
            state["version"] = state["first"]
        files = list(self._find_files(commits, state["version"]))
        return (self._load(files) if files else None), {**state, "version": last}

    def read_old(self, state: Any, *, has_metadata: bool) -> Any:
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
        from pyspark.sql import functions

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


def refuse_changes(options: dict[str, Any]) -> None:
    """Refuse to read the changes of a table, in place of its rows.

    :raises NotImplementedError: the options ask for them.
    """
    own = {key.lower(): str(value).lower() for key, value in options.items()}
    if "true" in (own.get("readchangefeed"), own.get("readchangedata")):
        raise NotImplementedError(NO_CHANGES)
