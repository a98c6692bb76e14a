"""The migrations of the record, made once for all empty databases of a process of tests.

Hundreds of tests have a record of their own, and Alembic takes a tenth of a second for each.
"""

from __future__ import annotations

from functools import wraps
from importlib.util import find_spec
from typing import Any


def share_migration() -> None:
    """Let all empty databases repeat the statements of the first one."""
    if find_spec("alembic") is None:
        return
    import sqlalchemy as sa  # with Alembic, an extra

    from flask_lakeflow_jobs.record import versions

    migrate = versions._migrate
    made: dict[str, list[tuple[str, Any]]] = {}

    @wraps(migrate)
    def repeat(connection: sa.Connection, version: str = "head") -> None:
        statements: list[tuple[str, Any]] = []
        if versions.read_version(connection) is not None:
            migrate(connection, version)
        elif connection.dialect.name in made:
            for statement, parameters in made[connection.dialect.name]:
                connection.exec_driver_sql(statement, parameters)
        else:

            def record(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
                statements.append((statement, parameters))

            sa.event.listen(connection, "before_cursor_execute", record)
            migrate(connection, version)
            sa.event.remove(connection, "before_cursor_execute", record)
            made[connection.dialect.name] = statements

    versions._migrate = repeat
