"""The names and the SQL in requests to Sail, as it has to read them.

Frames and statements both end here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .connect_plans import list_messages
from .spark_sql import escape_quotes
from .sql_corrections import correct_results
from .table_names import Prefix, lower_in_sql, lower_name, qualify

#: The fields with names of tables, by the types of messages.
_TABLES = {
    "NamedTable": "unparsed_identifier",
    "SaveTable": "table_name",
    "WriteOperationV2": "table_name",
}
#: The fields with other names.
_NAMES = {
    "CreateDataFrameViewCommand": "name",
    "SubqueryAlias": "alias",
    "UnresolvedStar": "unparsed_target",
}
#: The parts that names in requests to the catalog have below it; 0 for other names.
_OF_CATALOG = {"catalog_name": 0, "db_name": 1, "pattern": 0, "table_name": 2, "view_name": 2}
#: The fields with statements.
_STATEMENTS = {"SQL": "query", "SqlCommand": "sql"}
_STAR = re.compile(r"[\s\w.`]+\.\s*\*\s*")


def correct_texts(request: Any, prefix: Prefix) -> None:
    """Change the names and the SQL in a request.

    :param prefix: see :func:`lower_in_sql`.
    """
    for message in _walk(request):
        kind = message.DESCRIPTOR
        if kind.name == "ExpressionString":
            message.expression = correct_expression(message.expression, prefix)
        elif kind.name in _STATEMENTS:
            field = _STATEMENTS[kind.name]
            statement = lower_in_sql(getattr(message, field), prefix)
            setattr(message, field, correct_results(statement))
        elif kind.file.name.endswith("/catalog.proto"):
            is_use = kind.name == "SetCurrentDatabase"  # of the current catalog
            for field, parts in _OF_CATALOG.items():
                _correct(message, field, prefix, 0 if is_use else parts)
        elif kind.name in _TABLES:
            _correct(message, _TABLES[kind.name], prefix, 2)
        elif kind.name in _NAMES:
            _correct(message, _NAMES[kind.name], prefix)


def correct_expression(expression: str, prefix: Prefix) -> str:
    """Return the SQL of a column with quotes and calls as Sail reads them, and names of tables."""
    if _STAR.fullmatch(expression):
        return expression.lower()
    statement = lower_in_sql(f"SELECT {escape_quotes(expression)}", prefix)
    return correct_results(statement.removeprefix("SELECT "))


def _correct(message: Any, field: str, prefix: Prefix, parts: int = 0) -> None:
    if field in message.DESCRIPTOR.fields_by_name and (name := getattr(message, field)):
        name = lower_name(name)
        setattr(message, field, qualify(name, prefix, parts) if parts else name)


def _walk(message: Any) -> Iterator[Any]:
    for each in list_messages(message):
        yield from _walk(each)
    yield message
