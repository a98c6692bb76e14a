"""The names and the SQL in requests to Sail, as it has to read them.

Frames and statements both end here.
"""

from __future__ import annotations

import re

from .connect_plans import list_messages
from .spark_sql import escape_quotes
from .sql_corrections import correct_results
from .table_names import lower_in_sql, lower_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: The fields with names of tables, by the types of messages.
_NAMES = {
    "CreateDataFrameViewCommand": "name",
    "NamedTable": "unparsed_identifier",
    "SaveTable": "table_name",
    "SubqueryAlias": "alias",
    "UnresolvedStar": "unparsed_target",
    "WriteOperationV2": "table_name",
}
_NAMES_OF_CATALOG = ("catalog_name", "db_name", "pattern", "table_name", "view_name")
#: The fields with statements.
_STATEMENTS = {"SQL": "query", "SqlCommand": "sql"}
_STAR = re.compile(r"[\s\w.`]+\.\s*\*\s*")


def correct_texts(request: Any) -> None:
    """Change the names and the SQL in a request."""
    for message in _walk(request):
        kind = message.DESCRIPTOR
        if kind.name == "ExpressionString":
            message.expression = correct_expression(message.expression)
        elif kind.name in _STATEMENTS:
            field = _STATEMENTS[kind.name]
            setattr(message, field, correct_results(lower_in_sql(getattr(message, field))))
        elif kind.file.name.endswith("/catalog.proto"):
            for field in _NAMES_OF_CATALOG:
                _lower(message, field)
        elif kind.name in _NAMES:
            _lower(message, _NAMES[kind.name])


def correct_expression(expression: str) -> str:
    """Return the SQL of a column with quotes and calls as Sail reads them, and names of tables."""
    if _STAR.fullmatch(expression):
        return expression.lower()
    statement = lower_in_sql(f"SELECT {escape_quotes(expression)}")
    return correct_results(statement.removeprefix("SELECT "))


def _lower(message: Any, field: str) -> None:
    if field in message.DESCRIPTOR.fields_by_name and (name := getattr(message, field)):
        setattr(message, field, lower_name(name))


def _walk(message: Any) -> Iterator[Any]:
    for each in list_messages(message):
        yield from _walk(each)
    yield message
