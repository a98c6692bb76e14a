"""Calls of functions in texts of SQL, as Sail has to compute them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...function_calls import read_arguments
from .sail_calls import correct_call, find_element
from .sql_literals import write_text

_NAME = re.compile(r"(?:[\w.]|`[^`]+`)+")
_TEXT = re.compile(r"(?P<quote>['\"])(?P<text>(?:(?!(?P=quote))[^\\])*)(?P=quote)", re.DOTALL)
_PART_OF_TIME = re.compile(r"(\w+|'\w+')\s+FROM\s+(.*)", re.IGNORECASE | re.DOTALL)


def write_call(name: str, arguments: list[str]) -> str:
    """Write a call for Sail.

    :param name: in lower case.
    """
    arguments = [] if arguments == [""] else arguments
    part = _PART_OF_TIME.fullmatch(arguments[0]) if name == "extract" and arguments else None
    corrected = correct_call(_CallTexts(), name, part.groups() if part else arguments)
    return f"{name}({', '.join(arguments)})" if corrected is None else str(corrected)


def write_element(array: str, place: str, *, is_lenient: bool) -> str:
    """Write the element of an array at a place that is no constant, in SQL."""
    return str(find_element(_CallTexts(), array, place, is_lenient=is_lenient))


class _CallTexts:
    """Writes texts of SQL."""

    def call(self, name: str, *arguments: Any) -> str:
        texts = [str(each) for each in arguments]
        if name.isidentifier():
            return f"{name}({', '.join(texts)})"
        operands = (each if _NAME.fullmatch(each) else f"({each})" for each in texts)
        return f"({f' {name} '.join(operands)})"

    def cast(self, value: str, kind: str) -> str:
        return f"CAST({value} AS {kind})"

    def try_cast(self, value: str, kind: str) -> str:
        return f"try_cast({value} AS {kind})"

    def literal(self, value: str | None) -> str:
        return "NULL" if value is None else write_text(value)

    def unit(self, name: str) -> str:
        return name

    def column(self, name: str) -> str:
        return name

    def transform(self, array: str, change: Callable[[str], str]) -> str:
        return f"transform({array}, element -> {change('element')})"

    def is_column(self, value: str) -> bool:
        return not value[:1].isdigit() and _NAME.fullmatch(value) is not None

    def read(self, value: str, default: Any = "") -> Any:
        if match := _TEXT.fullmatch(value):
            return match["text"]
        if value.upper() == "NULL":
            return None
        return int(value) if value.isdecimal() else default

    def read_array(self, value: str) -> list[str] | None:
        match = re.match(r"array\s*\(", value, re.IGNORECASE)
        found = read_arguments(value, match.end()) if match else None
        return found[0] if found else None
