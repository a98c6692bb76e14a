"""Streams on Sail, which reads and writes batches only: each start reads what is new, once.

The frame of a stream has the rows of all that is there. When it starts, they are replaced by those
that its checkpoint does not know, and what they add to the result is written as a batch.
"""

# ruff: noqa: N802, N803, N815  # the names of Spark

from __future__ import annotations

import uuid
from itertools import zip_longest

from .data_files import is_file_format
from .spark_advice import JVM
from .stream_results import NEW, OLD, SOURCE, StreamPlan, StreamResult, mark_frame, refuse_mode
from .stream_sources import METADATA, Checkpoint, FileSource, TableSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self


class StreamBuilder:
    """The format and the options of a stream.

    :param translate: returns the path of this machine for one of the workspace.
    """

    def __init__(self, translate: Callable[[Any], Any]) -> None:
        self._translate = translate
        self._format = "delta"
        self._options: dict[str, Any] = {}

    def format(self, source: str) -> Self:
        self._format = source
        return self

    def option(self, key: str, value: Any) -> Self:
        return self.options(**{key: value})

    def options(self, **options: Any) -> Self:
        """Set options; ``None`` sets nothing."""
        for key, value in options.items():
            if value is not None:
                self._options[key] = str(value).lower() if isinstance(value, bool) else value
        return self


class StreamReader(StreamBuilder):
    """Reads a stream: ``spark.readStream``."""

    def __init__(self, session: Any, translate: Callable[[Any], Any]) -> None:
        super().__init__(translate)
        self._session = session
        self._schema: Any = None

    def schema(self, schema: Any) -> StreamReader:
        self._schema = schema
        return self

    def load(
        self,
        path: Any = None,
        format: str | None = None,  # noqa: A002
        schema: Any = None,
        **options: Any,
    ) -> Any:
        """Return the frame of a stream.

        :raises NotImplementedError: Sail has no such source.
        """
        self.options(**options)
        self._format, self._schema = format or self._format, schema or self._schema
        path = path or self._options.pop("path", None)
        if self._format.lower() == "delta":
            return self.table(f"delta.`{self._translate(path)}`")
        if not is_file_format(self._format) or path is None:
            raise NotImplementedError(
                f"Sail has no stream of the format {self._format}. Read files or a table, or {JVM}."
            )
        source = FileSource(
            self._session, str(self._translate(path)), self._format, self._schema, self._options
        )
        return mark_frame(source.read_all().select("*"), SOURCE, source)

    def table(self, tableName: str) -> Any:
        source = TableSource(self._session, tableName, self._options)
        return mark_frame(source.read_all().select("*"), SOURCE, source)

    def __getattr__(self, name: str) -> Any:
        if not is_file_format(name):
            raise AttributeError(name)
        return lambda path, schema=None, **options: self.load(path, name, schema, **options)


class StreamWriter(StreamBuilder):
    """Writes a stream: ``frame.writeStream``."""

    def __init__(self, frame: Any, translate: Callable[[Any], Any]) -> None:
        super().__init__(translate)
        self._frame = frame
        self._mode = "append"
        self._name: str | None = None
        self._partitions: tuple[Any, ...] = ()
        self._function: Any = None
        self._ends = False

    def outputMode(self, outputMode: str) -> StreamWriter:
        self._mode = outputMode.lower()
        return self

    def queryName(self, queryName: str) -> StreamWriter:
        self._name = queryName
        return self

    def partitionBy(self, *cols: Any) -> StreamWriter:
        self._partitions = cols
        return self

    def clusterBy(self, *cols: Any) -> StreamWriter:
        """Choose nothing: the layout of files changes no result."""
        return self

    def trigger(self, **trigger: Any) -> StreamWriter:
        """Choose when to read: here always once, at the start."""
        self._ends = bool(trigger.get("availableNow") or trigger.get("once"))
        return self

    def foreachBatch(self, func: Callable[[Any, int], None]) -> StreamWriter:
        self._function = func
        return self

    def foreach(self, f: Any) -> StreamWriter:
        """Refuse to call a function for each row.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError(f"Sail has no foreach of streams. Use foreachBatch, or {JVM}.")

    def start(
        self,
        path: str | None = None,
        format: str | None = None,  # noqa: A002
        outputMode: str | None = None,
        partitionBy: Any = None,
        queryName: str | None = None,
        **options: Any,
    ) -> StreamQuery:
        self._set(format, outputMode, partitionBy, queryName, options)
        path = path or self._options.pop("path", None)
        return self._run(lambda frame: self._write(frame, path=path))

    def toTable(
        self,
        tableName: str,
        format: str | None = None,  # noqa: A002
        outputMode: str | None = None,
        partitionBy: Any = None,
        queryName: str | None = None,
        **options: Any,
    ) -> StreamQuery:
        self._set(format, outputMode, partitionBy, queryName, options)
        exists = self._frame.sparkSession.catalog.tableExists(tableName)
        return self._run(lambda frame: self._write(frame, table=tableName), is_first=not exists)

    table = toTable

    def _set(
        self,
        source: str | None,
        mode: str | None,
        partitions: Any,
        name: str | None,
        options: dict[str, Any],
    ) -> None:
        self.options(**options)
        self._format = source or self._format
        self._mode = (mode or self._mode).lower()
        self._name = name or self._name
        if partitions:
            self._partitions = (partitions,) if isinstance(partitions, str) else (*partitions,)

    def _write(self, frame: Any, path: str | None = None, table: str | None = None) -> None:
        if self._format == "console":
            frame.show(truncate=False)
        elif self._format == "memory":
            frame.createOrReplaceTempView(self._name)
        elif self._format != "noop":
            options = {k: v for k, v in self._options.items() if k.lower() != "checkpointlocation"}
            mode = "overwrite" if self._mode == "complete" else "append"
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
                writer.saveAsTable(table)

    def _run(self, write: Callable[[Any], None], *, is_first: bool = False) -> StreamQuery:
        """Write what the new rows of each source add to the result."""
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
        has_metadata = METADATA.encode() in plan.relation.SerializeToString()
        read = {
            number: source.read_new(states[number], has_metadata=has_metadata)
            for number, source in plan.sources.items()
        }
        after = [state for _, state in read.values()]
        query = StreamQuery(self._name, batch, [new for new, _ in read.values() if new is not None])
        if query.is_empty and (self._function is not None or not is_first):
            print("The stream has nothing new to read.")
            checkpoint.write(batch, after)
            return query
        rows = {
            number: _split_rows(
                source,
                read[number][0],
                states[number] if plan.stateful else None,
                has_metadata=has_metadata,
            )
            for number, source in plan.sources.items()
        }
        frame = StreamResult(self._frame.sparkSession, plan, rows, self._mode).build()
        if has_metadata:
            frame = frame.drop(METADATA)
        if self._function is None:
            write(frame)
        else:
            self._function(frame, batch)
        checkpoint.write(batch + 1, after)
        return query

    def _check(self, plan: StreamPlan) -> None:
        """Refuse what no stream writes.

        :raises ValueError: it is a batch.
        :raises AnalysisException: Spark has no such stream with this mode.
        """
        if not plan.sources:
            raise ValueError(
                "writeStream needs a stream, such as spark.readStream.table(…). Write a batch with "
                "write."
            )
        is_table = self._function is None and self._format not in ("console", "memory", "noop")
        if self._mode == "update" and is_table and "aggregate" in plan.stateful:
            raise refuse_mode(
                "update",
                f"groups in {self._format}, where the old ones would stay",
                "Write with MERGE in foreachBatch, or use outputMode('complete').",
            )

    def _find_checkpoint(self) -> str | None:
        for key, value in self._options.items():
            if key.lower() == "checkpointlocation":
                return str(self._translate(value))
        return None


def _split_rows(source: Any, new: Any, state: Any, *, has_metadata: bool) -> dict[str, Any]:
    """Return the old and the new rows of a source, as frames with the same columns.

    :param new: the new rows; ``None`` if there are none.
    :param state: what the stream had read of the source before; ``None``: nothing that counts.
    """
    old = None if state is None else source.read_old(state, has_metadata=has_metadata)
    found = [each for each in (new, old) if each is not None]
    nothing = (found or [source.read_all(has_metadata=has_metadata)])[0].limit(0)
    return {OLD: nothing if old is None else old, NEW: nothing if new is None else new}


class StreamQuery:
    """A stream that has ended."""

    isActive = False
    status = {"message": "Stopped", "isDataAvailable": False, "isTriggerActive": False}  # noqa: RUF012

    def __init__(self, name: str | None, batch: int, rows: list[Any]) -> None:
        self.name = name
        self.id = str(uuid.uuid4())
        self.runId = str(uuid.uuid4())
        self._batch = batch
        self._rows = rows

    @property
    def is_empty(self) -> bool:
        """True if there was nothing new."""
        return not self._rows

    @property
    def lastProgress(self) -> dict[str, Any]:
        count = sum(rows.count() for rows in self._rows)
        return {"name": self.name, "batchId": self._batch, "numInputRows": count}

    @property
    def recentProgress(self) -> list[dict[str, Any]]:
        return [self.lastProgress]

    def awaitTermination(self, timeout: float | None = None) -> bool:
        """Return at once."""
        return True

    def exception(self) -> None:
        """Return no error: it was raised at the start."""

    processAllAvailable = stop = exception


class StreamManager:
    """The streams that run: none."""

    active: tuple[StreamQuery, ...] = ()

    def awaitAnyTermination(self, timeout: float | None = None) -> bool:
        """Return at once."""
        return True

    def resetTerminated(self) -> None:
        """Do nothing: no stream has ended with an error."""

    def addListener(self, listener: Any) -> None:
        """Refuse it: no events are sent."""
        raise NotImplementedError(
            "The local workspace has no listeners of streams. Read lastProgress of the query after "
            "the stream, or simulate the job (its tag 'local_simulation')."
        )
