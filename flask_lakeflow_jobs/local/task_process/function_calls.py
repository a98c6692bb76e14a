"""Calls of functions in the text of SQL: their arguments, and what takes their place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from .sql_syntax import LITERAL

#: The beginning and the end of a part of a text.
Span = tuple[int, int]

_EDGE = re.compile(rf"{LITERAL}|`[^`]*`|(?P<edge>[()\[\],])", re.DOTALL)
_STREAM = re.compile(r"\bSTREAM[\s(]*$", re.IGNORECASE)


@dataclass
class FunctionCall:
    """A call in a text.

    :param name: in lower case.
    :param before: the text before it.
    :param end: its place in the text. A function that replaces more than the call may move it.
    """

    name: str
    arguments: list[str]
    text: str
    before: str
    end: int

    @property
    def is_stream(self) -> bool:
        """True if its rows are read as a stream."""
        return _STREAM.search(self.before) is not None


def replace_calls(
    text: str,
    names: Iterable[str],
    write: Callable[[FunctionCall], str | None],
    *,
    must_end: bool = False,
) -> str:
    """Replace calls of functions, but not those in texts.

    :param write: returns what takes the place of a call; ``None`` to keep it, and to replace those
        in its arguments.
    :raises ValueError: a call that must end does not.
    """
    pattern, position = _compile(frozenset(names)), 0
    while (match := pattern.search(text, position)) is not None:
        position = match.end()
        arguments = find_arguments(text, position) if match["name"] else []
        if must_end and match["name"] and not arguments:
            raise ValueError(f"The call of {match['name']} has no ')' at its end. Add it.")
        if not arguments:
            continue
        values = [text[start:end].strip() for start, end in arguments]
        before, end = text[: match.start()], arguments[-1][1] + 1
        call = FunctionCall(match["name"].lower(), values, text, before, end)
        if (written := write(call)) is not None:
            text = before + written + text[call.end :]
            position = len(before + written)
    return text


def find_arguments(text: str, start: int) -> list[Span]:
    """Return the places of the arguments of a call; none if it has no end.

    :param start: where its first argument begins.
    """
    places: list[Span] = []
    for end in _iter_ends(text, start):
        places.append((start, end))
        start = end + 1
    return places if places and text[start - 1] == ")" else []


def read_arguments(text: str, start: int) -> tuple[list[str], int] | None:
    """Return the arguments of a call and its end; ``None`` if it has no end.

    :param start: where its first argument begins.
    """
    if not (places := find_arguments(text, start)):
        return None
    return [text[start:end].strip() for start, end in places], places[-1][1] + 1


def find_argument_end(text: str, start: int) -> int | None:
    """Return the place of the comma or the parenthesis that ends an argument of a call."""
    return next(_iter_ends(text, start), None)


def leave_out_stream(text: str) -> str:
    """Return a text without a ``STREAM (`` at its end."""
    return _STREAM.sub("", text)


def _iter_ends(text: str, start: int) -> Iterator[int]:
    """Yield the places of the commas and the parenthesis that end the arguments of a call."""
    depth = 0
    for match in _EDGE.finditer(text, start):
        if depth == 0 and match["edge"] in (",", ")"):
            yield match.start()
            if match["edge"] == ")":
                return
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(match["edge"], 0)


@cache
def _compile(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(
        rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<name>{'|'.join(sorted(names))})\s*\(",
        re.IGNORECASE | re.DOTALL,
    )
