"""Values, rows and messages as SQL of Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ...sql_statements import replace_tokens
from ...sql_syntax import split_list

_DOUBLED = re.compile(
    r"`[^`]*`|--[^\n]*|/\*.*?\*/|\b[rR](?:'[^']*'|\"[^\"]*\")"
    r"|(?P<dollars>\$[A-Za-z]*\$).*?(?P=dollars)"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")",
    re.DOTALL,
)
#: Runs a statement of Sail.
Query = Callable[[str], Any]


def write_literal(value: Any) -> str:
    """Return a value of Python as a literal of Spark's SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):  # which is a date too
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, Decimal):
        return f"{value:f}BD"
    if isinstance(value, float):
        return f"CAST('{value}' AS DOUBLE)"
    if isinstance(value, (bytes, bytearray)):
        return f"X'{value.hex()}'"
    return str(value) if isinstance(value, (bool, int)) else write_text(str(value))


def write_text(value: str) -> str:
    """Return a text as a literal of Spark's SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def escape_quotes(statement: str) -> str:
    """Write each doubled quote in a text as Sail reads it: of ``'it''s'``, it would lose one."""

    def replace(match: re.Match[str]) -> str:
        if (text := match["text"]) is None:
            return match[0]
        quote = text[0]
        pairs = re.compile(rf"\\.|{quote}{quote}", re.DOTALL)
        inner = pairs.sub(lambda each: each[0].replace(quote * 2, f"\\{quote}"), text[1:-1])
        return f"{quote}{inner}{quote}"

    return _DOUBLED.sub(replace, statement)


def insert_parameters(statement: str, parameters: dict[str, Any] | Sequence[Any]) -> str:
    """Replace ``:name`` or ``?`` by its value: Sail takes parameters in queries only."""
    named = parameters if isinstance(parameters, dict) else {}
    values = iter(() if named else parameters)

    def replacement(token: re.Match[str]) -> str:
        if token["mark"]:
            return next(map(write_literal, values), "?")
        return write_literal(named[token["named"]]) if token["named"] in named else token[0]

    return replace_tokens(statement, replacement)


def write_answer(text: str) -> str:
    """Return a query for a message, in place of a statement without rows."""
    return f"SELECT {write_text(text)} AS message"


def parse_columns(text: str) -> dict[str, str]:
    """Return the types of columns by their names, as in ``id BIGINT, price DECIMAL(10, 2)``."""
    pairs = (each.split(None, 1) for each in split_list(text))
    return {name.strip("`"): kind for name, kind in pairs}


def write_rows(columns: dict[str, str] | list[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a query for rows.

    :param columns: with their types, or those of texts.
    """
    kinds = columns if isinstance(columns, dict) else dict.fromkeys(columns, "STRING")
    values = ", ".join(
        f"({', '.join(_write_value(*pair) for pair in zip(row, kinds.values(), strict=True))})"
        for row in rows
    )
    if not values:
        nulls = ", ".join(f"{_write_value(None, kind)} AS {name}" for name, kind in kinds.items())
        return f"SELECT {nulls} WHERE false"
    return f"SELECT * FROM VALUES {values} AS shown({', '.join(kinds)})"


def _write_value(value: Any, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind == "STRING":
        return write_text(_to_text(value))
    if kind == "TIMESTAMP":
        return f"timestamp_millis({value}L)"
    if kind.startswith("ARRAY"):
        return f"CAST(array({', '.join(map(write_text, value))}) AS {kind})"
    if kind.startswith("MAP"):
        pairs = [write_text(_to_text(each)) for pair in value.items() for each in pair]
        return f"CAST(map({', '.join(pairs)}) AS {kind})"
    return f"CAST({write_text(_to_text(value))} AS {kind})"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
