"""Decimals without a fraction beside other values, such as ``coalesce(x, 0.0)``.

Spark makes a ``DOUBLE`` of a ``DOUBLE`` and a decimal, and Sail a decimal of 30 digits. Both make a
``DOUBLE`` of a ``DOUBLE`` and an integer, and a decimal of a decimal and an integer.
"""

from __future__ import annotations

import re

from ..sql_statements import LITERAL

#: Functions that return one of their arguments, and the first argument that they may return.
_FUNCTIONS = {
    "coalesce": 0,
    "greatest": 0,
    "if": 1,
    "iff": 1,
    "ifnull": 0,
    "least": 0,
    "nullif": 0,
    "nvl": 0,
    "nvl2": 1,
}
_TOKEN = re.compile(
    rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<call>{'|'.join(_FUNCTIONS)})\s*\("
    r"|(?<![\w.])(?P<word>CASE|WHEN|THEN|ELSE|END)\b|(?P<edge>[(),])",
    re.IGNORECASE | re.DOTALL,
)
_CONSTANT = re.compile(r"[-+]?\s*\d+(?:\.\d*)?|NULL", re.IGNORECASE)
_WHOLE = re.compile(r"(?P<integer>[-+]?\s*\d+)\.0*")


class _Choice:
    """A call, a ``CASE`` or parentheses whose end was not found yet.

    :param kind: the name of the function, ``case``, or empty for parentheses.
    :param start: where the first argument of a call begins; ``None``: no value begins here.
    """

    def __init__(self, kind: str, start: int | None) -> None:
        self.kind = kind
        self.start = start
        self.spans: list[tuple[int, int]] = []

    def end_value(self, position: int, next_start: int | None) -> None:
        if self.start is not None:
            self.spans.append((self.start, position))
        self.start = next_start


def write_whole_decimals(statement: str) -> str:
    """Write 0 for ``0.0`` where a choice has other values than constants too."""
    choices: list[_Choice] = []
    changes: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(statement):
        word, edge = (token["word"] or "").lower(), token["edge"]
        choice = choices[-1] if choices else None
        if token["call"]:
            choices.append(_Choice(token["call"].lower(), token.end()))
        elif edge == "(":
            choices.append(_Choice("", None))
        elif word == "case":
            choices.append(_Choice("case", None))
        elif choice is None:
            continue
        elif edge == ",":
            if choice.kind in _FUNCTIONS:
                choice.end_value(token.start(), token.end())
        elif edge == ")" or word == "end":
            choice.end_value(token.start(), None)
            changes += _find_changes(statement, choices.pop())
        elif choice.kind == "case":
            choice.end_value(token.start(), None if word == "when" else token.end())
    for start, end in sorted(changes, reverse=True):
        integer = _WHOLE.sub(r"\g<integer>", statement[start:end])
        statement = statement[:start] + integer + statement[end:]
    return statement


def _find_changes(statement: str, choice: _Choice) -> list[tuple[int, int]]:
    """Return the places of the decimals that are to be integers."""
    values = choice.spans[_FUNCTIONS.get(choice.kind, 0) :]
    texts = [statement[start:end].strip() for start, end in values]
    if all(map(_CONSTANT.fullmatch, texts)):
        return []
    return [place for place, text in zip(values, texts, strict=True) if _WHOLE.fullmatch(text)]
