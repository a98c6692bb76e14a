"""Files that are read one by one: those of streams, and those whose rows need ``_metadata``."""

from __future__ import annotations

import csv
import os
from copy import copy
from typing import Any

from pyspark.sql import functions
from pyspark.sql.types import StringType, StructField, StructType

from ...paths import find_address
from ..language.connect_plans import union_frames
from ..language.sql_names import quote_part
from .data_files import (
    Partition,
    find_partition,
    has_headers,
    infer_types,
    is_true,
    list_files,
    lower_options,
    name_rescued,
)
from .file_values import infer_texts, parse_schema, split_schema

#: The columns of formats that have the same ones for all files.
_COLUMNS = {
    "binaryfile": "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY",
    "text": "value STRING",
}
_OWN_OPTIONS = ("pathglobfilter", "rescueddatacolumn")
#: The column of the file that a row is from. It exists if code names it.
METADATA = "_metadata"

#: The names of columns in the first line of a file.
Header = tuple[str, ...] | None


class FileSource:
    """The files of a folder, each of which is read once.

    :param path: of the folder on this machine, perhaps with ``*``.
    :param schema: a type, its JSON or its text; ``None`` to infer it.
    :param options: of the reader. Those of ``cloudFiles`` choose the format.
    """

    _has_metadata = False

    def __init__(
        self, session: Any, path: str, file_format: str, schema: Any, options: dict[str, Any]
    ) -> None:
        self._session = session
        self._path = path
        self.description = f"FileStreamSource[{path}]"
        is_auto_loader = file_format.lower() == "cloudfiles"
        own = lower_options(options)
        self._format = own.get("cloudfiles.format", "parquet") if is_auto_loader else file_format
        self._schema = parse_schema(session, schema) if schema else None
        self._hints = own.get("cloudfiles.schemahints")
        self._pattern = own.get("pathglobfilter", "*")
        is_inferred = is_auto_loader and not schema
        self._rescued = name_rescued(own, self._format, is_inferred=is_inferred)
        self._options = {
            key: value
            for key, value in options.items()
            if not key.lower().startswith("cloudfiles.") and key.lower() not in _OWN_OPTIONS
        }
        is_typed = is_true(own, "cloudfiles.infercolumntypes")
        if is_auto_loader and is_typed:
            self._options["inferSchema"] = "true"
        kind = self._format.lower()
        lines = kind == "json" and not is_true(own, "multiline")
        self._has_texts = is_inferred and lines and not is_typed
        self._has_headers = is_inferred and has_headers(own, kind)
        if self._has_headers:
            self._options["header"] = "true"
        self._separator = own.get("sep") or own.get("delimiter") or ","

    def with_metadata(self) -> FileSource:
        """Return the source with the column of the file that each row is from."""
        source = copy(self)
        source._has_metadata = True
        return source

    def read_all(self) -> Any:
        """Return the rows of all files that there are."""
        return self.read(list_files(self._path, self._pattern))

    def read_new(self, state: Any) -> tuple[Any, Any]:
        """Return the rows of the files that are not in the state, and the new state.

        :return: ``None`` in place of the rows if there are no new files.
        """
        known = set(state or ())
        new = [file for file in list_files(self._path, self._pattern) if file not in known]
        return (self.read(new) if new else None), [*(state or ()), *new]

    def read_old(self, state: Any) -> Any:
        """Return the rows of the files in a state; ``None`` if there are none.

        :raises ValueError: a file is gone.
        """
        for file in state:
            if not os.path.exists(file):
                raise ValueError(
                    f"The stream compares new rows with those of {file}, which is gone. Put it "
                    "back, or remove the checkpoint to read the files that are there again."
                )
        return self.read(state) if state else None

    def read(self, files: list[str]) -> Any:
        """Return the rows of files.

        :raises ValueError: there are none, so that nothing has their columns.
        """
        schema = self._schema or (None if files else _COLUMNS.get(self._format.lower()))
        if not files and not schema:
            raise ValueError(
                f"There is no file in {self._path}, so its columns are unknown. Put a file there, "
                "or give a schema, such as .schema('id INT')."
            )
        if not files:
            frame = self._add_rescued(self._session.createDataFrame([], schema))
            return self._add_metadata(frame, None)
        everything = sorted({*files, *list_files(self._path, self._pattern)})
        is_inferred = not schema and self._format.lower() not in _COLUMNS
        if is_inferred and (self._has_metadata or files != everything):
            schema = self._load(everything, None, everything).schema  # some may lack columns
        if not self._has_metadata:
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
        hints = parse_schema(self._session, self._hints) if self._hints else ()
        if not schema and self._has_texts:
            schema = infer_texts(files, hints)
        if not schema and len(groups) > 1:
            schema = self._infer(groups)
        kinds: dict[str, Any] = infer_types(find_partition(self._path, each) for each in among)
        names = list(kinds)
        if names and schema:
            schema, declared = split_schema(schema, names)
            kinds |= {each.name: each.dataType for each in declared}
        frames = []
        for (partition, header), each in groups.items():
            rows, values = self._load_group(each, schema, header), dict(partition)
            columns = {name: functions.lit(values.get(name)).cast(kinds[name]) for name in names}
            frames.append(rows.withColumns(columns) if columns else rows)
        frame = union_frames(frames)
        for field in () if self._has_texts else hints:
            if field.name in frame.columns:
                value = frame[field.name].try_cast(field.dataType)
                frame = frame.withColumn(field.name, value)
        return frame

    def _load_group(self, files: list[str], schema: Any, header: Header = None) -> Any:
        """Return the rows of files with one header, whose columns may be in another order."""
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
        return frame

    def _infer(self, groups: dict[tuple[Partition, Header], list[str]]) -> Any:
        """Return the columns of all files; one that differs in type between them is a text."""
        headers: dict[Header, list[str]] = {}
        for (_, header), files in groups.items():
            headers.setdefault(header, []).extend(files)
        fields: dict[str, Any] = {}
        for files in headers.values():
            for field in self._load_group(files, None).schema.fields:
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
        if self._rescued:
            frame = frame.withColumn(self._rescued, functions.lit(None).cast("string"))
        return frame

    def _add_metadata(self, frame: Any, file: str | None) -> Any:
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
