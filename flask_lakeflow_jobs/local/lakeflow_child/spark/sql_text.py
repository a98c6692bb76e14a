"""The text of SQL, before anything reads what it says: quotes, parameters, settings and calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..sql_statements import replace_tokens
from .column_sql import write_literal
from .sql_names import quote_part

#: Runs a statement of Sail.
Query = Callable[[str], Any]

#: Texts and comments of SQL, as a pattern.
LITERAL = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|/\*.*?\*/"
#: What may stand in the parentheses of a call, as a pattern.
NESTED = r"[^()]|\((?:[^()]|\([^()]*\))*\)"  # calls in calls
_DOUBLED = re.compile(
    r"`[^`]*`|--[^\n]*|/\*.*?\*/|\b[rR](?:'[^']*'|\"[^\"]*\")"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")",
    re.DOTALL,
)
_IDENTIFIER = re.compile(
    rf"`[^`]*`|{LITERAL}|\bIDENTIFIER\s*\((?P<name>(?:{NESTED})*)\)",
    re.IGNORECASE | re.DOTALL,
)
_SETTING = re.compile(r"\$\{\s*(\w+(?:\.\w+)+)\s*\}")
_EDGE = re.compile(rf"{LITERAL}|`[^`]*`|(?P<edge>[()\[\],])", re.DOTALL)


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


def replace_identifiers(statement: str, query: Query) -> str:
    """Replace each ``IDENTIFIER(…)`` by the name that the expression inside evaluates to."""

    def replace(match: re.Match[str]) -> str:
        return match[0] if match["name"] is None else _evaluate(match["name"], query)

    return _IDENTIFIER.sub(replace, statement)


def _evaluate(expression: str, query: Query) -> str:
    ((name,),) = query(f"SELECT {expression}").collect()
    return ".".join(quote_part(part.strip("`")) for part in str(name).split("."))


def read_arguments(statement: str, start: int) -> tuple[list[str], int] | None:
    """Return the arguments of a call and its end; ``None`` if it has no end.

    :param start: where its first argument begins.
    """
    depth, arguments = 0, []
    for match in _EDGE.finditer(statement, start):
        edge = match["edge"]
        if depth == 0 and edge in (",", ")"):
            arguments.append(statement[start : match.start()].strip())
            start = match.end()
            if edge == ")":
                return arguments, start
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(edge, 0)
    return None
