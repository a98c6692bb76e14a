"""The version of the schema: check it, and bring it to the newest one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..concurrency import load_module
from ..database.database import CHOOSE_SCHEMA, WAIT_SECONDS
from ..errors import RecordOutdated
from .schema import VERSION_TABLE

if TYPE_CHECKING:
    from ..database.database import Database

#: All versions of the schema, oldest first; one migration each. A migration only adds: tables, or
#: columns that may be null or have a default. So an app can use the tables of a newer version, such
#: as a worker that ends after the upgrade.
VERSIONS = ("0001", "0002")

UPGRADE_COMMAND = "flask jobs record upgrade"

#: Held while the schema is upgraded on Postgres; any number that nothing else uses.
ADVISORY_LOCK = 0x6C616B65

#: An upgrade gives up if others use a table for so long: writes would wait behind it.
LOCK_TIMEOUT = f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"

MIGRATIONS = Path(__file__).parent / "migrations"


def read_version(connection: sa.Connection) -> str | None:
    """Return the version of the schema; ``None`` if there is none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
    version: str | None = connection.scalar(sa.select(table.c.version_num))
    return version


def check_version(database: Database, *, is_exact: bool = False) -> None:
    """Check that the schema has what this version of the package uses.

    :param is_exact: whether that of a newer version is an error too.
    :raises RecordOutdated: it has not. The message says what to run.
    :raises DatabaseUnavailable: the database does not respond.
    """
    with database.read() as connection:
        version = read_version(connection)
    if version is None or version in VERSIONS[:-1]:
        state = "has no tables yet" if version is None else f"has the old schema {version}"
        raise _outdated(database, f"{state}. Run '{UPGRADE_COMMAND}'. The app needs no restart.")
    if is_exact and version != VERSIONS[-1]:
        raise _outdated(
            database,
            f"has the schema {version!r} of a newer version of flask-lakeflow-jobs."
            f" Install that version; '{UPGRADE_COMMAND}' cannot go back.",
        )


def _outdated(database: Database, text: str) -> RecordOutdated:
    error = RecordOutdated(f"The record {database.address} {text}")
    error.public_detail = f"The record {text}"
    return error


def upgrade_schema(database: Database) -> tuple[str | None, str]:
    """Bring the schema to the newest version. Processes that do it at once take turns.

    :return: the version before and after.
    :raises RecordOutdated: the schema is that of a newer version of the package.
    :raises DatabaseUnavailable: the database does not respond.
    """
    # Before the transaction: without bytecode it takes a second, in which no process could write.
    load_module("alembic.command")
    with database.write() as connection:
        if not database.is_sqlite:  # SQLite has let only this transaction write
            _wait_for_turn(connection)
        before = read_version(connection)
        if before is None or before in VERSIONS[:-1]:
            if not database.is_sqlite:
                connection.exec_driver_sql(CHOOSE_SCHEMA)
            _migrate(connection)
    if before not in (None, *VERSIONS):
        check_version(database, is_exact=True)
    return before, VERSIONS[-1]


def _wait_for_turn(connection: sa.Connection) -> None:
    """Wait for other upgrades, and let the statements of this one take as long as they need."""
    driver_connection: Any = connection.connection.driver_connection
    driver_connection.timeout = math.inf
    connection.detach()  # so that no other transaction gets it
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    connection.exec_driver_sql(LOCK_TIMEOUT)


def _migrate(connection: sa.Connection, version: str = "head") -> None:
    # Needed by this command and the first start only.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, version)
