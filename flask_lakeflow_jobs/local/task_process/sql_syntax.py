r"""The syntax of commands, as the documentation of Databricks writes it, to match statements.

An example is ``CREATE [OR REPLACE] TABLE <name> … (AS | CLONE)``. Words are those of SQL in any
case, and no words in quotes. ``[…]`` is optional, ``(… | …)`` is a choice, ``…`` is any text,
``\(`` is a parenthesis, and ``$`` is the end, perhaps after a semicolon.

``<name>`` is a name with all its parts, ``<text>`` a text without its quotes, and others are what
``_KINDS`` has. ``<verb: CREATE | DROP>`` is one of these words. All are groups of the match.
Statements are without comments. Names and lists are split into their parts here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

#: A text in quotes, a part of a name, and a name, as patterns.
TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
#: Texts and comments, as a pattern.
LITERAL = rf"{TEXT}|--[^\n]*|/\*.*?\*/"
NAME_PART = r"(?:`(?:[^`]|``)+`|[\w-]+)"
NAME = rf"{NAME_PART}(?:\s*\.\s*{NAME_PART})*"
#: A match of a syntax, whose ``string`` is the statement.
Match = re.Match[str]

_ITEM = re.compile(
    r"<(?P<group>\w+)(?:: (?P<words>[^>]+))?>|\\(?P<sign>.)|(?P<word>\w+)|(?P<mark>\S)"
)
_QUOTED = rf"{TEXT}|`[^`]*`"
# A whole one, and not the words of a command that lacks its name.
_NAME = rf"(?!IF\s+(?:NOT\s+)?EXISTS\b){NAME}(?!\s*\.|[\w`/-])"
_REST = r".*?(?=\s*;?\s*$)"
_KINDS = {
    "column": NAME_PART,
    "query": rf"[\s(]*(?:SELECT|WITH|VALUES|FROM)\b{_REST}",
    "rest": _REST,
    "schedule": (
        r"SCHEDULE\s+(?:REFRESH\s+)?"
        rf"(?:EVERY\s+\d+\s+\w+|CRON\s+(?:{TEXT})(?:\s+AT\s+TIME\s+ZONE\s+(?:{TEXT}))?)"
        rf"|TRIGGER\s+ON\s+UPDATE(?:\s+AT\s+MOST\s+EVERY\s+INTERVAL\s+(?:{TEXT}|\d+)\s+\w+)?"
    ),
    "system_table": r"system\s*\.\s*(?!information_schema)\w+\s*\.\s*\w+",
    "source": rf"{_NAME}(?:\s+(?:VERSION|TIMESTAMP)\s+AS\s+OF\s+(?:{TEXT}|\S+))?",
    "version": r"v\d+",
}
_MARKS = {"[": "(?:", "]": ")?", "(": "(?:", ")": ")", "|": "|", "$": r";?\s*$"}
_MARKS["…"] = rf"(?:{_QUOTED}|[^'\"`])*?"


def match_syntax(syntax: str, statement: str) -> Match | None:
    """Match the beginning of a statement."""
    return re.compile(rf"\s*{_compile(syntax)}", re.IGNORECASE | re.DOTALL).match(statement)


def replace_syntax(syntax: str, statement: str, replacement: Callable[[Match], str]) -> str:
    """Replace each part of a statement that has a syntax, outside of texts."""

    def replace(match: Match) -> str:
        if match["found"] is None:
            return match[0]
        return replacement(match) + match[0][len(match[0].rstrip()) :]

    pattern = rf"(?P<found>{_compile(syntax)})|{_QUOTED}"
    return re.sub(pattern, replace, statement, flags=re.IGNORECASE | re.DOTALL)


def split_name(name: str) -> list[str]:
    """Return the parts of a name, without their quotes."""
    return [*map(unquote_part, re.findall(NAME_PART, name))]


def split_list(text: str) -> list[str]:
    """Return the parts between the commas that are in no parentheses or angle brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "<(") - (character in ">)")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [each for each in parts if each.strip()]


def unquote_part(part: str) -> str:
    return part.strip("`").replace("``", "`")


@cache
def _compile(syntax: str) -> str:
    return "".join(map(_write, _ITEM.finditer(syntax)))


def _write(item: Match) -> str:
    if (group := item["group"]) == "text":
        return r"(?P<quote>['\"])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*"
    if group:
        words = (item["words"] or "").replace(" | ", "|").replace(" ", r"\s+")
        pattern = rf"\b(?:{words})\b" if words else _KINDS.get(group, _NAME)
        return rf"(?P<{group}>{pattern})\s*"
    if word := item["word"]:
        return rf"(?<![\w.]){word}\b\s*"
    return _MARKS.get(item["mark"]) or re.escape(item["sign"] or item["mark"]) + r"\s*"
