"""Streams on Sail, which reads and writes batches only: each start reads what is new, once.

The frame of a stream has all rows of its source. When the stream starts, they are replaced by the
rows that its checkpoint does not know. Their additions to the result are written as a batch.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql.connect.dataframe import DataFrame

from ...sql_statements import SIMULATE
from ..files.data_files import Translate, is_file_format, lower_options
from ..files.file_sources import METADATA, FileSource
from ..language.spark_advice import JVM
from ..tables.delta_tables import DeltaTable
from ..tables.table_writers import call_setters
from ..tables.written_values import cast_columns
from .stream_queries import StreamQuery
from .stream_results import (
    NEW,
    OLD,
    SOURCE,
    StreamPlan,
    StreamResult,
    mark_frame,
    refuse_mode,
    refuse_nodes,
)
from .stream_sources import Checkpoint, RateSource, TableSource

#: The attribute of a writer with the function that it calls for each batch.
_FUNCTION = "_lakeflow_function"
# The formats of streams that no other Spark has.
_OF_DATABRICKS = ("kinesis", "pubsub", "pulsar")


def load_files(translate: Translate) -> Callable[..., Any]:
    """Return the method with which readers load files, or a table in a folder, as a stream."""

    def load(
        self: Any, path: Any = None, format: str | None = None, schema: Any = None, **options: Any
    ) -> Any:
        self._set_opts(schema, **options)
        source = format or self._format or "delta"
        path = path or self._options.pop("path", None)
        if source.lower() == "rate":
            rate = RateSource(self._client, self._options)
            return mark_frame(rate.read_all().select("*"), SOURCE, rate)
        if source.lower() == "delta":
            return self.table(f"delta.`{translate(path)}`")
        if not is_file_format(source) or path is None:
            raise NotImplementedError(
                f"Sail has no stream of the format {source}. Read files or a table, or "
                f"{SIMULATE if source.lower() in _OF_DATABRICKS else JVM}."
            )
        files = FileSource(self._client, str(translate(path)), source, self._schema, self._options)
        return mark_frame(files.read_all().select("*"), SOURCE, files)

    return load


def load_table(self: Any, tableName: str) -> Any:
    source = TableSource(self._client, tableName, self._options)
    return mark_frame(source.read_all().select("*"), SOURCE, source)


def keep_function(self: Any, func: Callable[[Any, int], None]) -> Any:
    """Let a writer call a function for each batch."""
    setattr(self, _FUNCTION, func)
    return self


def refuse_function(self: Any, f: Any) -> Any:
    raise NotImplementedError(f"Sail has no foreach of streams. Use foreachBatch, or {JVM}.")


def start_streams(translate: Translate) -> Callable[..., Any]:
    """Return the method with which writers of Spark Connect start all streams."""

    def start(
        self: Any,
        path: str | None = None,
        tableName: str | None = None,
        format: str | None = None,
        outputMode: str | None = None,
        partitionBy: Any = None,
        queryName: str | None = None,
        **options: Any,
    ) -> StreamQuery:
        values = {"format": format, "outputMode": outputMode, "queryName": queryName}
        call_setters(self, options, **values, partitionBy=partitionBy)
        stream = _Stream(self, translate)
        query = StreamQuery(self._write_proto.query_name or None)
        with query.observed():
            stream.run(query, path, tableName)
        return query

    return start


class _Stream:
    """A stream that is written."""

    def __init__(self, writer: Any, translate: Translate) -> None:
        asked = writer._write_proto
        self._frame = DataFrame(writer._write_stream._child, writer._session)
        self._translate = translate
        self._format = asked.format or "delta"
        self._options = dict(asked.options)
        self._mode = (asked.output_mode or "append").lower()
        self._name = asked.query_name or None
        self._partitions = list(asked.partitioning_column_names)
        self._ends = asked.available_now or asked.once
        self._function = getattr(writer, _FUNCTION, None)

    def run(self, query: StreamQuery, path: str | None, table: str | None) -> None:
        """Write what the new rows of each source add to the result."""
        path = path or self._options.pop("path", None)
        session = self._frame.sparkSession
        is_first = table is not None and not session.catalog.tableExists(table)
        plan = StreamPlan(self._frame)
        self._check(plan)
        if not self._ends:
            print(
                "The local workspace reads a stream once: this one ends when it has read what is "
                "there, as with .trigger(availableNow=True)."
            )
        checkpoint = Checkpoint(self._find_checkpoint())
        known = checkpoint.read()
        batch = known["batch"]
        states = dict(zip_longest(plan.sources, known["sources"][: len(plan.sources)]))
        read = {number: each.read_new(states[number]) for number, each in plan.sources.items()}
        after = [state for _, state in read.values()]
        new = [
            (plan.sources[number].description, rows)
            for number, (rows, _) in read.items()
            if rows is not None
        ]
        query.set_batch(batch, new)
        if not new and (self._function is not None or not is_first):
            print("The stream has nothing new to read.")
            checkpoint.write(batch, after)
            return
        rows = {
            number: _split_rows(each, read[number][0], states[number] if plan.stateful else None)
            for number, each in plan.sources.items()
        }
        frame = StreamResult(session, plan, rows, self._mode).build()
        if plan.has_metadata:
            frame = frame.drop(METADATA)
        if self._function is None:
            self._write(frame, path, table)
        else:
            self._function(frame, batch)
        checkpoint.write(batch + 1, after)

    def _write(self, frame: Any, path: str | None, table: str | None) -> None:
        if self._format == "console":
            frame.show(truncate=False)
        elif self._format == "memory":
            frame.createOrReplaceTempView(self._name)
        elif self._format != "noop":
            options = {k: v for k, v in self._options.items() if k.lower() != "checkpointlocation"}
            mode = "overwrite" if self._mode == "complete" else "append"
            frame = self._convert(frame, path, table)
            writer = frame.write.format(self._format).mode(mode).options(**options)
            if self._partitions:
                writer = writer.partitionBy(*self._partitions)
            if table is None and path is None:
                raise NotImplementedError(
                    f"Sail writes no stream to {self._format}. Write files or a table, or {JVM}."
                )
            if table is None:
                writer.save(path)
            else:
                writer.saveAsTable(table, **({} if path is None else {"path": path}))

    def _convert(self, frame: Any, path: str | None, table: str | None) -> Any:
        """Convert rows to the types of the Delta table that gets them, as streams do."""
        session = self._frame.sparkSession
        if table is not None and session.catalog.tableExists(table):
            return cast_columns(frame, session.table(table))
        if self._format == "delta" and path is not None:
            path = str(self._translate(path))
            if DeltaTable.isDeltaTable(session, path):
                return cast_columns(frame, session.read.format("delta").load(path))
        return frame

    def _check(self, plan: StreamPlan) -> None:
        """Refuse what no stream writes.

        :raises ValueError: it is a batch.
        :raises AnalysisException: Spark has no such stream with this mode or without a checkpoint.
        """
        if not plan.sources:
            raise ValueError(
                "writeStream needs a stream, such as spark.readStream.table(…). Write a batch with "
                "write."
            )
        refuse_nodes(plan, self._mode)
        is_table = self._function is None and self._format not in ("console", "memory", "noop")
        if self._mode == "update" and is_table and "aggregate" in plan.stateful:
            raise refuse_mode(
                "update",
                f"groups in {self._format}, where the old ones would stay",
                "Write with MERGE in foreachBatch, or use outputMode('complete').",
            )
        if is_table and self._find_checkpoint() is None:
            raise AnalysisException(
                "checkpointLocation must be specified, so that the next start knows what this one "
                "has read: .option('checkpointLocation', '/Volumes/…')."
            )

    def _find_checkpoint(self) -> str | None:
        if path := lower_options(self._options).get("checkpointlocation"):
            return str(self._translate(path))
        root = self._frame.sparkSession.conf.get("spark.sql.streaming.checkpointLocation", "")
        if not root:
            return None
        return os.path.join(str(self._translate(root)), self._name or str(uuid.uuid4()))


def _split_rows(source: Any, new: Any, state: Any) -> dict[str, Any]:
    """Return the old and the new rows of a source, as frames with the same columns.

    :param new: the new rows; ``None`` if there are none.
    :param state: what the stream had read of the source before; ``None``: nothing that counts.
    """
    old = None if state is None else source.read_old(state)
    found = [each for each in (new, old) if each is not None]
    nothing = (found or [source.read_all()])[0].limit(0)
    return {OLD: nothing if old is None else old, NEW: nothing if new is None else new}
