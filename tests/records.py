"""Records: that of an app, and one in SQLite that a test can make unavailable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from flask import Flask

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.clock import Clock
from flask_lakeflow_jobs.database.database import open_database
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.state import EXTENSION_KEY, AppState

T = TypeVar("T")


def state_of(app: Flask) -> AppState:
    state: AppState = app.extensions[EXTENSION_KEY]
    return state


def record_of(app: Flask) -> Record:
    record = state_of(app).record
    assert record is not None
    return record


class SwitchableRecord(Record):
    """A record whose database does not respond while :attr:`is_available` is false."""

    is_available = True

    #: The database dies between the commit of the next write and its response.
    loses_response = False

    def _write(self, call: Callable[[sa.Connection], T]) -> T:
        result = super()._write(call)
        if self.loses_response:
            self.loses_response = False
            raise DatabaseUnavailable("The response was lost.")
        return result

    def check_schema(self, *, is_exact: bool = False) -> None:
        if not self.is_available:
            raise DatabaseUnavailable("The database does not respond.")
        super().check_schema(is_exact=is_exact)


@contextmanager
def switchable_record(folder: Path, clock: Clock) -> Iterator[SwitchableRecord]:
    """Yield a record without rows."""
    database = open_database(True, instance_path=folder, setting="RECORD_URL")
    yield SwitchableRecord(database, clock, upgrades_itself=True)
    database.close()
