"""Writes that wait until the record can be reached again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from ..errors import DatabaseUnavailable, RecordOutdated

#: How many writes are kept while the record is unavailable.
MAX_DEFERRED = 10_000

_log = logging.getLogger("flask_lakeflow_jobs")

#: Writes something to the record.
DeferredWrite: TypeAlias = Callable[[], object]


class DeferredWrites:
    """The writes of one process, in the order in which they are made."""

    def __init__(self) -> None:
        self._writes: deque[DeferredWrite] = deque()

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, write: DeferredWrite) -> None:
        if len(self._writes) >= MAX_DEFERRED:
            _log.error("The record is unavailable for too long: a run or its end is not recorded.")
        else:
            self._writes.append(write)

    def add_first(self, write: DeferredWrite) -> None:
        self._writes.appendleft(write)

    def make(self) -> None:
        """Make the writes. One that the database refuses delays no other.

        :raises DatabaseUnavailable: the record cannot be reached. The rest is kept.
        :raises RecordOutdated: it must be upgraded. The rest is kept.
        """
        for _ in range(len(self._writes)):
            write = self._writes.popleft()
            try:
                write()
            except (DatabaseUnavailable, RecordOutdated) as error:
                if getattr(error, "is_refusal", False):
                    self._writes.append(write)
                    continue
                self._writes.appendleft(write)
                raise
            except Exception:
                _log.exception("Unexpected error while the end of a run was recorded.")
