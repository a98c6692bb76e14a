"""Definitions of pipelines in the SQL of Databricks, as Spark takes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNCHANGED = r"(?P<unchanged>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|/\*.*?\*/)"
# From the longest to the shortest.
_FORMS = {
    r"CREATE\s+OR\s+(?:REFRESH|REPLACE)\s+STREAMING\s+(?:LIVE\s+)?TABLE": "CREATE STREAMING TABLE",
    r"CREATE\s+(?:OR\s+REFRESH\s+)?STREAMING\s+LIVE\s+TABLE": "CREATE STREAMING TABLE",
    r"CREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?(?:PRIVATE\s+)?LIVE\s+TABLE": (
        "CREATE MATERIALIZED VIEW"
    ),
    r"CREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?(?:TEMPORARY\s+)?(?:STREAMING\s+)?LIVE\s+VIEW": (
        "CREATE TEMPORARY VIEW"
    ),
    r"CREATE\s+OR\s+(?:REFRESH|REPLACE)\s+MATERIALIZED\s+VIEW": "CREATE MATERIALIZED VIEW",
    r"CREATE\s+PRIVATE\s+(?=STREAMING\b|MATERIALIZED\b)": "CREATE ",
    r"CLUSTER\s+BY\s+AUTO\b": "",
    r"\bLIVE\.": "",
}
_CONSTRAINT = re.compile(
    _UNCHANGED + r"|\bCONSTRAINT\s+(?P<name>`[^`]+`|\w+)\s+EXPECT\s*(?=\()",
    re.IGNORECASE | re.DOTALL,
)
_TABLE = re.compile(
    _UNCHANGED
    + r"|\bCREATE\s+(?:STREAMING\s+TABLE|MATERIALIZED\s+VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<name>(?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+))*)",
    re.IGNORECASE | re.DOTALL,
)
_VIOLATION = re.compile(r"\s*ON\s+VIOLATION\s+(?:DROP\s+ROW|FAIL\s+UPDATE)", re.IGNORECASE)


def to_spark(text: str, catalogs: Iterable[str]) -> tuple[str, list[str]]:
    """Translate definitions; lines keep their numbers.

    :param catalogs: names of catalogs, which are dropped: Spark has one catalog here.
    :return: the translation, and the names of expectations that are lost in it.
    """
    text, lost = _drop_expectations(text)
    return drop_catalogs(_replace_forms(text), catalogs), lost


def drop_catalogs(text: str, catalogs: Iterable[str]) -> str:
    """Drop the catalog from each name of three parts in SQL."""
    names = "|".join(re.escape(name) for name in sorted(catalogs, key=len, reverse=True))
    dot = r"\s*\.\s*"  # Sail keeps the texts of views with spaces
    pattern = rf"{_UNCHANGED}|(?<![\w.`])`?(?:{names})`?{dot}(?=(?:`[^`]+`|\w+){dot}[`\w])"
    flags = re.DOTALL | re.IGNORECASE
    return re.sub(pattern, lambda match: match["unchanged"] or "", text, flags=flags)


def find_tables(text: str) -> list[str]:
    """Return the names of the tables that a translated text defines."""
    return [match["name"] for match in _TABLE.finditer(text) if match["name"]]


def _replace_forms(text: str) -> str:
    pattern = "|".join(f"(?P<f{number}>{form})" for number, form in enumerate(_FORMS))

    def replacement(match: re.Match[str]) -> str:
        if match["unchanged"]:
            return match[0]
        form = list(_FORMS.values())[int((match.lastgroup or "f0")[1:])]
        return form + "\n" * match[0].count("\n")

    flags = re.DOTALL | re.IGNORECASE
    return re.sub(f"{_UNCHANGED}|{pattern}", replacement, text, flags=flags)


def _drop_expectations(text: str) -> tuple[str, list[str]]:
    lost: list[str] = []
    start = 0
    while (match := _CONSTRAINT.search(text, start)) is not None:
        if not match["name"]:
            start = match.end()
            continue
        lost.append(match["name"].strip("`"))
        end = _find_end(text, match.end())
        if violation := _VIOLATION.match(text, end):
            end = violation.end()
        before, after = text[: match.start()], text[end:]
        lines = "\n" * text[match.start() : end].count("\n")
        if re.match(r"\s*,", after):
            after = re.sub(r"^(\s*),", r"\1", after)
        elif re.search(r",\s*$", before):
            before = re.sub(r",(\s*)$", r"\1", before)
        elif re.search(r"\(\s*$", before) and re.match(r"\s*\)", after):
            before = re.sub(r"\((\s*)$", r"\1", before)
            after = re.sub(r"^(\s*)\)", r"\1", after)
        text, start = before + lines + after, len(before)
    return text, lost


def _find_end(text: str, start: int) -> int:
    """Return the position after the parenthesis that closes the one at ``start``."""
    depth = 0
    for match in re.finditer(_UNCHANGED + r"|[()]", text[start:], re.DOTALL):
        if not match["unchanged"]:
            depth += 1 if match[0] == "(" else -1
            if depth == 0:
                return start + match.end()
    return len(text)
