"""Names of tables, views, schemas and catalogs on Sail, which tells upper and lower case apart.

So all statements write them in lower case. Databricks, documentation of names: Unity Catalog stores
them so, and they are not sensitive to case. Pure.
"""

from __future__ import annotations

import re

from .spark_catalog import NAME_PART
from .spark_sql import NESTED
from .sql_corrections import LITERAL

_PART = re.compile(NAME_PART)
_NAME = rf"{NAME_PART}(?:\s*\.\s*{NAME_PART})*"
_LIST = rf"\s*{NAME_PART}(?:\s*,\s*{NAME_PART})*\s*"
_STAR = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})\s*\.\s*\*", re.DOTALL)
_WORD = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})", re.DOTALL)
_OF_QUERY = "FROM|JOIN|STREAM|TABLE"
_OF_COMMAND = (
    r"CATALOG|CLONE|DATABASE|DESC|DESCRIBE|DETAIL|EXTENDED|FORMATTED|FROM|HISTORY|INTO|JOIN|LIKE"
    r"|OVERWRITE|RENAME\s+TO|SCHEMA|STREAM|TABLE|UPDATE|USE|USING|VIEW"
)


def _build_pattern(words: str) -> re.Pattern[str]:
    """Return a pattern of the places where SQL names tables: after words, and before AS (…)."""
    before = rf"(?<![\w.:$-])(?:(?:{words})\s+)+"
    return re.compile(
        rf"{LITERAL}|`[^`]*`|\bDISTINCT\s+FROM\b"
        rf"|(?P<columns>\b(?:INTO|OVERWRITE)\s+(?:TABLE\s+)?{_NAME}\s*\({_LIST}\))"
        rf"|(?P<call>{before}IDENTIFIER\s*\()(?P<inner>(?:{NESTED})*)\)"
        rf"|(?P<names>{before}(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{_NAME}"
        rf"(?:(?:\s+(?:AS\s+)?{NAME_PART})?\s*,\s*{_NAME})*"
        rf"|(?:\bWITH\s+|,\s*){NAME_PART}(?=\s*(?:\([^()]*\)\s*)?\bAS\s*\())",
        re.IGNORECASE | re.DOTALL,
    )


_IN_QUERY, _IN_COMMAND = map(_build_pattern, (_OF_QUERY, _OF_COMMAND))
_QUERY = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|FROM)\b", re.IGNORECASE)
_SHOW = re.compile(r"\s*SHOW\b", re.IGNORECASE)


def lower_in_sql(statement: str) -> str:
    """Return a statement with the names of tables in lower case."""
    if _SHOW.match(statement):
        return statement.lower()

    def replace(match: re.Match[str]) -> str:
        if match["call"]:
            return f"{match['call']}lower({match['inner']}))"
        is_named = match["names"] or match["columns"]  # Sail finds capital letters in neither
        return lower_name(match[0]) if is_named else match[0]

    pattern = _IN_QUERY if _QUERY.match(statement) else _IN_COMMAND
    return _unite_stars(pattern.sub(replace, statement))


def lower_name(name: str) -> str:
    """Return a name in lower case, except for paths in it, as in ``delta.`/Volumes/A```."""
    return _PART.sub(lambda part: part[0] if "/" in part[0] else part[0].lower(), name)


def _unite_stars(statement: str) -> str:
    """Write a table in one way if ``Name.*`` has its columns: else, Sail finds none of them."""
    stars = {match["name"].lower() for match in _STAR.finditer(statement) if match["name"]}
    if not stars:
        return statement
    words = {match["name"] for match in _WORD.finditer(statement) if match["name"]}
    several = {name for name in stars if sum(word.lower() == name for word in words) > 1}

    def replace(match: re.Match[str]) -> str:
        is_one = match["name"] is not None and match["name"].lower() in several
        return match[0].lower() if is_one else match[0]

    return _WORD.sub(replace, statement)
