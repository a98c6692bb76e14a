"""The names of columns of a query that are calls, which Spark takes from their text. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...function_calls import Span
from ...sql_syntax import LITERAL

_SELECT = re.compile(r"\s*SELECT\s+(?:(?:ALL|DISTINCT)\s+)?", re.IGNORECASE)
# With an alias for the key of a group, Sail does not find it in calls of these.
_AFTER_GROUPS = re.compile(
    r"\bGROUP\s+BY\b.*\b(?:HAVING|ORDER\s+BY)\b.*\w\s*\(", re.IGNORECASE | re.DOTALL
)
_EDGE = re.compile(
    rf"{LITERAL}|`[^`]*`|\bDISTINCT\s+FROM\b|(?P<edge>[()\[\],;])|(?P<word>\b(?:FROM|GROUP|HAVING"
    r"|LATERAL|LIMIT|ORDER|QUALIFY|UNION|WHERE|WINDOW)\b)",
    re.IGNORECASE | re.DOTALL,
)
#: Functions that make several columns.
GENERATORS = frozenset(
    {"explode", "explode_outer", "inline", "inline_outer", "json_tuple", "posexplode"}
    | {"posexplode_outer", "stack"}
)
_PART = rf"(?P<text>{LITERAL})|(?P<name>[\w.]+|`[^`]*`)\s*(?P<call>\()?|(?P<sign>[(),*\[\]])"
_AFTER_VALUE = (")", "]", "[", ",")
_PART_OF_CALL = re.compile(rf"\s*(?:{_PART})\s*", re.DOTALL)


def change_columns(query: str, change: Callable[[str], str]) -> str:
    """Change the text of a query, that of each column it selects by itself.

    Calls that change keep the names that Spark takes from them, where Sail takes an alias.
    """
    places = _find_columns(query)
    if not places or _AFTER_GROUPS.search(query, places[-1][1]):
        return change(query)
    texts = [query[start:end] for start, end in places]
    columns = [_rename(each, change(each)) for each in texts]
    return query[: places[0][0]] + ",".join(columns) + change(query[places[-1][1] :])


def _rename(text: str, changed: str) -> str:
    name = name_call(text) if changed != text else None
    return changed if name is None else f"{changed.rstrip()} AS `{name}` "


def _find_columns(query: str) -> list[Span]:
    begin = _SELECT.match(query)
    if begin is None:
        return []
    places, start, depth = [], begin.end(), 0
    for match in _EDGE.finditer(query, start):
        if depth == 0 and (match["word"] or match["edge"] in (",", ";", ")")):
            places.append((start, match.start()))
            start = match.end()
            if match["edge"] != ",":
                return places
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(match["edge"], 0)
    return [*places, (start, len(query))]


def name_call(column: str) -> str | None:
    """Return the name of a column that is a call of columns, constants and such calls alone."""
    column, parts, position, is_value = column.strip(), [], 0, False
    while position < len(column):
        match = _PART_OF_CALL.match(column, position)
        if match is None or (is_value and match["sign"] not in _AFTER_VALUE):
            return None  # an operator, or words
        is_value = match["call"] is None and match["sign"] not in ("(", ",", "[")
        parts.append(_write(match))
        position = match.end()
    function, is_call, _ = parts[0].partition("(") if parts else ("", "", "")
    name = "".join(parts)
    is_named = function and is_call and function not in GENERATORS and "`" not in name
    return name if is_named else None


def _write(match: re.Match[str]) -> str:
    if match["text"]:
        return match["text"][1:-1]
    if match["call"]:
        return f"{match['name'].lower()}("
    if match["name"]:
        name = match["name"]
        if name.upper() == "NULL":
            return "NULL"
        return name if name[0].isdigit() else name.split(".")[-1].strip("`")
    return {",": ", ", "*": "1"}.get(match["sign"], match["sign"])
