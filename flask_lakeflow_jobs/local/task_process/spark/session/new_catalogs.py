"""Catalogs that a task names while it runs, as in ``f"{environment}_sales"``.

Sail knows the catalogs with which its listener was opened. For another one, the session moves to a
new listener, with its tables, temporary views, functions and settings.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from typing import Any

from pyspark.errors import PySparkException

from ...sql_syntax import match_syntax
from ..frames.sail_requests import RequestStub
from ..language.connect_plans import FRAME_PREFIX
from ..language.sql_names import CATALOG_NAME, find_current, list_catalogs, quote_part
from ..tables.spark_catalog import load_catalog, save_catalog
from .sail import PORT_FILE

#: What Sail knows besides.
_OF_SAIL = {"global_temp", "system"}
_REMEMBERED = ("create_dataframe_view", "register_function", "register_table_function")
_TEMPORARY = "CREATE [OR REPLACE] [GLOBAL] (TEMP | TEMPORARY) VIEW"


class Catalogs:
    """Those that a session knows."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: set[str] = set()
        self._commands: list[Any] = []
        self._settings: list[Any] = []
        self._remember(session.client)

    def require(self, *names: str) -> None:
        """Know catalogs that a statement creates, uses or writes to."""
        if missing := self._find_missing([*names]):
            self._move(missing)

    def _find_missing(self, names: list[str]) -> list[str]:
        if not set(names) <= self._known:
            self._known = {*list_catalogs(self._session.sql)} | _OF_SAIL
        return [each for each in names if each not in self._known and CATALOG_NAME.fullmatch(each)]

    def _move(self, catalogs: list[str]) -> None:
        """Continue the session at a listener that knows more catalogs."""
        session = self._session
        catalog, schema = find_current(session.sql)
        kept = _list_temporary(session)
        save_catalog(session)
        answer = _ask(session.client, catalogs)
        client = type(session.client)(
            f"sc://127.0.0.1:{answer['port']}/;session_id={answer['session']}"
            f";user_id={session.client._user_id}"
        )
        client.set_retry_policies(session.client.get_retry_policies())
        commands, settings = self._commands, self._settings
        self._commands, self._settings = [], []
        session.client.__dict__.update(client.__dict__)  # others refer to the client too
        session._session_id = session.client._session_id
        self._remember(session.client)
        self._known |= {*catalogs}
        for each in settings:
            session.client.config(each)
        load_catalog(session)
        for each in commands:
            with suppress(PySparkException):  # as before, or its source is gone
                session.client.execute_command(each)
        for schema_of, name in _list_temporary(session) - kept:  # ones that the task has dropped
            parts = [each for each in (schema_of, name) if each]
            session.sql(f"DROP VIEW IF EXISTS {'.'.join(map(quote_part, parts))}")
        session.sql(f"USE CATALOG {quote_part(catalog)}")
        if schema != "default":  # that of a new catalog, and system has none
            session.sql(f"USE SCHEMA {quote_part(schema)}")

    def _remember(self, client: Any) -> None:
        """Keep the requests that change the session."""
        client._stub = RequestStub(client._stub, self._session, self._see, self._prefix)

    def _prefix(self, schema: str) -> str:
        """Return the current catalog for a schema that is named like a catalog."""
        if not self._known:
            self._find_missing([schema])
        if schema not in self._known or schema in _OF_SAIL:
            return ""
        ((catalog,),) = self._session.sql("SELECT current_catalog()").collect()
        return f"{quote_part(catalog)}."

    def _see(self, request: Any) -> None:
        if request.DESCRIPTOR.name == "ConfigRequest":
            if request.operation.WhichOneof("op_type") in ("set", "unset"):
                self._settings.append(request.operation)
            return
        if request.DESCRIPTOR.name != "ExecutePlanRequest":
            return
        dropped = request.plan.root.catalog.drop_temp_view.view_name
        # No other view reads one of a single statement, and its own source may be gone.
        if dropped.startswith(FRAME_PREFIX):
            self._commands = [
                each for each in self._commands if each.create_dataframe_view.name != dropped
            ]
        command = request.plan.command
        sql = command.sql_command
        text = str(sql.sql or sql.input.sql.query)
        if command.WhichOneof("command_type") in _REMEMBERED or match_syntax(_TEMPORARY, text):
            self._commands.append(command)


def _list_temporary(session: Any) -> set[tuple[str, str]]:
    """Return the temporary views by ``global_temp``, or nothing, and name."""
    rows = session.sql("SHOW TABLES IN global_temp").collect()
    return {(row.database, row.tableName) for row in rows if row.isTemporary}


def _ask(client: Any, catalogs: list[str]) -> dict[str, Any]:
    folder = os.environ["LAKEFLOW_LOCAL_SPARK"]
    with open(os.path.join(folder, PORT_FILE), encoding="utf-8") as file:
        port = int(file.read())
    own = int(client._builder.endpoint.rpartition(":")[2])
    request = {"port": own, "catalogs": catalogs}
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answers:
            return dict(json.loads(answers.readline()))
