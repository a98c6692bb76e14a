"""The text of SQL, before anything reads what it says: quotes, parameters, settings, versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..sql_statements import replace_tokens
from ..sql_syntax import replace_syntax
from .column_sql import write_literal

#: Runs a statement of Sail.
Query = Callable[[str], Any]

_DOUBLED = re.compile(
    r"`[^`]*`|--[^\n]*|/\*.*?\*/|\b[rR](?:'[^']*'|\"[^\"]*\")"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")",
    re.DOTALL,
)
_SETTING = re.compile(r"\$\{\s*(\w+(?:\.\w+)+)\s*\}")


def insert_parameters(statement: str, parameters: dict[str, Any] | Sequence[Any]) -> str:
    """Replace ``:name`` or ``?`` by its value: Sail takes parameters in queries only."""
    named = parameters if isinstance(parameters, dict) else {}
    values = iter(() if named else parameters)

    def replacement(token: re.Match[str]) -> str:
        if token["mark"]:
            return next(map(write_literal, values), "?")
        return write_literal(named[token["named"]]) if token["named"] in named else token[0]

    return replace_tokens(statement, replacement)


def insert_settings(text: str, conf: Any) -> str:
    """Replace ``${spark.name}`` by the setting of the session, as Spark does."""
    return _SETTING.sub(lambda match: conf.get(match[1], match[0]), text)


def name_versions(statement: str) -> str:
    """Write ``t VERSION AS OF 1`` for ``t@v1``, which neither Sail nor sqlglot reads."""
    if "@v" not in statement.lower():
        return statement
    return replace_syntax(
        "<name> @ <tag>",
        statement,
        lambda match: f"{match['name']} VERSION AS OF {match['tag'][1:]}",
    )


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
