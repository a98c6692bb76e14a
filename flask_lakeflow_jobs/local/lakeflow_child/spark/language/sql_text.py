"""The text of statements: their quotes, parameters, settings and stars, as Sail takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...function_calls import leave_out_stream
from ...sql_statements import replace_tokens
from ...sql_syntax import LITERAL
from .sql_literals import write_literal

_DOUBLED = re.compile(
    r"`[^`]*`|--[^\n]*|/\*.*?\*/|\b[rR](?:'[^']*'|\"[^\"]*\")"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")",
    re.DOTALL,
)
_PART = re.compile(rf"{LITERAL}|`[^`]*`|\w+|[^\s\w]", re.DOTALL)
_STAR = re.compile(
    rf"{LITERAL}|`[^`]*`|(?P<star>(?:^|,)\s*(?:DISTINCT\s+)?\*)(?P<except>\s*EXCEPT\s*\()?",
    re.IGNORECASE | re.DOTALL,
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


def hide_metadata(text: str, view: str) -> str:
    """Leave the column ``_metadata`` of a view out of all columns of the query that reads it."""
    end = leave_out_stream(text[: text.index(view)])
    depth = 0
    for token in reversed([*_PART.finditer(end)]):
        depth += (token[0] == ")") - (token[0] == "(")
        if depth == 0 and token[0].upper() == "SELECT":
            columns = _STAR.sub(_hide_in_star, text[token.end() : len(end)])
            return text[: token.end()] + columns + text[len(end) :]
    return text


def _hide_in_star(match: re.Match[str]) -> str:
    if not match["star"]:
        return match[0]
    return f"{match[0]}_metadata, " if match["except"] else f"{match[0]} EXCEPT (_metadata)"
