"""Streams as the code that starts them sees them: what they have read, and listeners.

The events and their order are those of Spark's Structured Streaming. Measures of time are zero.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, ClassVar

from pyspark.sql.streaming.listener import (
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryProgress,
)

#: The listeners of the task.
_listeners: list[Any] = []


class StreamQuery:
    """A stream that has ended, or that is being read.

    :param name: ``None`` if the code gives it none.
    """

    isActive = False
    status: ClassVar[dict[str, Any]] = {
        "message": "Stopped",
        "isDataAvailable": False,
        "isTriggerActive": False,
    }

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.id = str(uuid.uuid4())
        self.runId = str(uuid.uuid4())
        self._timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._batch = 0
        self._rows: list[tuple[str, Any]] = []

    def set_batch(self, batch: int, rows: list[tuple[str, Any]]) -> None:
        """Note what the stream reads.

        :param rows: the description and the new rows of each source that has any.
        """
        self._batch, self._rows = batch, rows

    @property
    def lastProgress(self) -> StreamingQueryProgress:
        counts = [(name, rows.count()) for name, rows in self._rows]
        rates = {"inputRowsPerSecond": 0.0, "processedRowsPerSecond": 0.0}
        offsets = {"startOffset": "", "endOffset": "", "latestOffset": ""}
        return StreamingQueryProgress.fromJson(
            {
                "id": self.id,
                "runId": self.runId,
                "name": self.name,
                "timestamp": self._timestamp,
                "batchId": self._batch,
                "batchDuration": 0,
                "durationMs": {},
                "eventTime": {},
                "stateOperators": [],
                "sources": [
                    {"description": name, **offsets, "numInputRows": count, **rates}
                    for name, count in counts
                ],
                "sink": {"description": "", "numOutputRows": -1},
                "numInputRows": sum(count for _, count in counts),
                **rates,
            }
        )

    @property
    def recentProgress(self) -> list[StreamingQueryProgress]:
        return [self.lastProgress]

    def awaitTermination(self, timeout: float | None = None) -> bool:
        """Return at once."""
        return True

    def exception(self) -> None:
        """Return no error: it was raised at the start."""

    processAllAvailable = stop = exception

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Call the listeners about what the block reads."""
        listeners, ids = [*_listeners], {"id": uuid.UUID(self.id), "runId": uuid.UUID(self.runId)}
        started = QueryStartedEvent(**ids, name=self.name, timestamp=self._timestamp, jobTags=set())
        _call(listeners, "onQueryStarted", started)
        failure: str | None = None
        try:
            yield
        except Exception as error:
            failure = str(error)
            raise
        finally:
            if listeners and failure is None and self._rows:
                progress = QueryProgressEvent(self.lastProgress)  # it counts the rows
                _call(listeners, "onQueryProgress", progress)
            ended = QueryTerminatedEvent(**ids, exception=failure, errorClassOnException=None)
            _call(listeners, "onQueryTerminated", ended)


def _call(listeners: list[Any], method: str, event: Any) -> None:
    """Call listeners. As in Spark, the stream does not fail with one of them."""
    for each in listeners:
        try:
            getattr(each, method)(event)
        except Exception as error:
            print(f"{method} of the listener {each} has failed: {error!r}", file=sys.stderr)


class StreamManager:
    """The streams that run: none."""

    active: tuple[StreamQuery, ...] = ()

    def awaitAnyTermination(self, timeout: float | None = None) -> bool:
        """Return at once."""
        return True

    def resetTerminated(self) -> None:
        """Do nothing: no stream has ended with an error."""

    def addListener(self, listener: Any) -> None:
        _listeners.append(listener)

    def removeListener(self, listener: Any) -> None:
        if listener in _listeners:
            _listeners.remove(listener)
