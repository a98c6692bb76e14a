"""The record of one app: runs, actions, deliveries and leases in one database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..config.keys import RECORD_URL
from ..database.database import open_database
from .actions import RecordedActions
from .deliveries import Deliveries
from .leases import Leases
from .run_changes import RunChanges

if TYPE_CHECKING:
    from ..clock import Clock
    from ..database.database import Credentials


class Record(RunChanges, RecordedActions, Deliveries, Leases):
    """The record of one app.

    Every call may raise :exc:`DatabaseUnavailable` or :exc:`RecordOutdated`.
    """


def open_record(
    url: str | bool, instance_path: Path, clock: Clock, credentials: Credentials | None = None
) -> Record:
    """Return the record of an app. This does not connect.

    :param url: ``True``: SQLite in the instance folder, whose schema is kept up to date by itself;
        otherwise a URL of SQLAlchemy.
    :raises ConfigurationError: the URL is malformed, or needs a driver that is not installed.
    """
    database = open_database(
        url, instance_path=instance_path, setting=RECORD_URL.name, credentials=credentials
    )
    return Record(database, clock, upgrades_itself=url is True)
