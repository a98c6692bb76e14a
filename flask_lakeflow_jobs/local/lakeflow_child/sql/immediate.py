"""The parts of ``EXECUTE IMMEDIATE``, on DuckDB and on Sail."""

from __future__ import annotations

import re
from typing import Any

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from .sql_advice import UnsupportedStatement

Tree = exp.Expr


class Immediate:
    """The parts of ``EXECUTE IMMEDIATE``.

    :raises UnsupportedStatement: it is none.
    """

    def __init__(self, text: str) -> None:
        pieces = _split(text, ("INTO", "USING"))
        statement = re.sub(r"^\s*IMMEDIATE\s+", "", pieces[""], flags=re.IGNORECASE)
        self.statement = statement
        self.into = [
            each.strip(" `()") for each in pieces.get("INTO", "").split(",") if each.strip()
        ]
        using = pieces.get("USING", "").strip()
        if using.startswith("(") and using.endswith(")"):
            using = using[1:-1]
        self.using: list[Tree] = []
        if using:
            tree = sqlglot.parse_one(f"SELECT {using}", read="databricks")
            self.using = tree.expressions


def number_markers(statement: str, values: list[Any]) -> tuple[str, dict[str, Any]]:
    """Give names to the markers ``?`` of a statement.

    :return: the statement, and the values by name.
    """
    names = iter(range(len(values)))
    pieces, start = [], 0
    for token in sqlglot.tokenize(statement, dialect="databricks"):
        if token.text == "?" and token.token_type.name == "PLACEHOLDER":
            number = next(names, None)
            if number is None:
                raise ValueError(f"The statement needs more than {len(values)} values after USING.")
            pieces += [statement[start : token.start], f":lakeflow_{number}"]
            start = token.end + 1
    text = "".join([*pieces, statement[start:]])
    return text, {f"lakeflow_{number}": value for number, value in enumerate(values)}


def _split(text: str, words: tuple[str, ...]) -> dict[str, str]:
    """Split a text at words outside of texts and parentheses."""
    try:
        tokens = sqlglot.tokenize(text, dialect="databricks")
    except SqlglotError as error:
        raise UnsupportedStatement(text, error) from None
    depth = 0
    found: dict[str, str] = {}
    word, start = "", 0
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        is_text = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
        if depth == 0 and not is_text and token.text.upper() in words:
            found[word] = text[start : token.start]
            word, start = token.text.upper(), token.end + 1
    return {**found, word: text[start:]}
