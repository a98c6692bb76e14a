"""The URL of the app's SQL database, and the driver that it needs."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from ..errors import ConfigurationError

#: The file of the database in the instance folder, if the setting is ``True``.
DEFAULT_FILE = "lakeflow-record.sqlite3"

#: The first version whose compiled wait ends by itself, so that a timeout can be applied.
MIN_PSYCOPG = (3, 2, 11)
PSYCOPG = "psycopg[binary]>=3.2.11"


def parse_database_url(url: str | bool, *, instance_path: Path, setting: str) -> sa.URL:
    """Parse a URL without ever quoting it: it may contain a password.

    :param url: ``True``: SQLite in the instance folder.
    :param instance_path: the folder for a relative path of SQLite.
    :param setting: the key that has the URL, for messages.
    :raises ConfigurationError: it is malformed, or needs a driver that is not installed.
    """
    if url is True:
        url = f"sqlite:///{DEFAULT_FILE}"
    invalid = ConfigurationError(
        f"{setting} must be true or the URL of a database of PostgreSQL or SQLite, such as"
        " 'postgresql+psycopg://user@host/name' or 'sqlite:///record.sqlite3'. In a"
        " password, write '@' as %40, ':' as %3A, '/' as %2F and '%' as %25."
    )
    try:
        # Many hosts write the scheme as libpq also takes it.
        parsed = make_url(re.sub("^postgres:", "postgresql:", str(url)))
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise invalid from None
    if backend == "postgresql":
        if "@" in f"{parsed.host}{parsed.database}":  # a part of the password, which would be shown
            raise invalid
        return _require_psycopg(parsed.set(drivername="postgresql+psycopg"), setting)
    if backend != "sqlite":
        raise invalid
    if parsed.query:  # such as a mode: each process sets what its connections need
        raise ConfigurationError(
            f"{setting} must be the path of a file, such as 'sqlite:///record.sqlite3', without '?'"
            " and what follows it."
        )
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(
            f"{setting} must name a file, such as 'sqlite:///record.sqlite3'. A database in memory"
            " ends with its process."
        )
    path = str(instance_path / str(parsed.database))
    try:
        path.encode()  # as SQLAlchemy does
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{setting} names the file {path!a}, whose path is not UTF-8. Use another folder."
        ) from None
    return parsed.set(drivername="sqlite", database=path)


def _require_psycopg(url: sa.URL, setting: str) -> sa.URL:
    try:
        import psycopg  # installed by the user, like every driver
    except ImportError:
        raise ConfigurationError(f"{setting} requires a driver: pip install '{PSYCOPG}'.") from None
    if parse_version(psycopg.__version__) < MIN_PSYCOPG:
        raise ConfigurationError(
            f"{setting} requires another version of psycopg than {psycopg.__version__}, which waits"
            f" forever for a server that hangs: pip install '{PSYCOPG}'."
        )
    return url


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, for comparisons."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
