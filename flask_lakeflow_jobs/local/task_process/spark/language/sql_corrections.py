"""SQL that Sail computes otherwise than Databricks, without an error, and the one for its results.

Most of it is calls, for which ``sail_calls`` has a table. Besides, a window over a range of dates
has all earlier rows, and ``collect_list`` over a window keeps NULL.

Spark makes a ``DOUBLE`` of a ``DOUBLE`` and a decimal, and Sail a decimal of 30 digits, as in
``coalesce(x, 0.0)``. Both make a ``DOUBLE`` of a ``DOUBLE`` and an integer, and a decimal of a
decimal and an integer.
"""

from __future__ import annotations

import re

from ...function_calls import FunctionCall, Span, find_arguments, read_arguments, replace_calls
from ...sql_syntax import LITERAL
from .call_texts import write_call
from .sail_calls import CALLS

_CORRECTED = CALLS | {"cast", "collect_list", "try_cast"}
# Spark reads a date up to the T of a text, and Sail none.
_DATE = re.compile(r"(.*)\sAS\s+DATE\s*", re.IGNORECASE | re.DOTALL)
_SHORT_DATE = re.compile(rf"{LITERAL}|`[^`]*`|(?P<date>::\s*DATE\b)", re.IGNORECASE | re.DOTALL)
#: A condition that is false for each row, which Sail does not know before.
NEVER = "rand(0) < 0"
_CAST = re.compile(rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<cast>CAST)\s*\(", re.I | re.S)
_STRICT = re.compile(
    r".*\sAS\s+(?:BOOLEAN|DEC|DECIMAL|DOUBLE|FLOAT|NUMERIC|REAL)\b[\s\d,()]*", re.I | re.S
)
_TABLE = re.compile(r"\b(?:INTO|OVERWRITE|TABLE|WITH)\s+$", re.IGNORECASE)  # with its columns
_OVER = re.compile(r"\s*(?:FILTER\s*\([^)]*\)\s*)?OVER\b", re.IGNORECASE)
_FILTER = re.compile(r"\s*FILTER\b", re.IGNORECASE)
_RANGE = re.compile(
    r"\b(ORDER\s+BY\s+)((?:[^(),]|\((?:[^()]|\([^()]*\))*\))+?)"
    r"(?=(?:\s+(?:ASC|DESC))?(?:\s+NULLS\s+\w+)?\s+RANGE\s+(?:BETWEEN\s[^()]*?)?"
    r"(?P<bound>INTERVAL\b|\b\d))",
    re.IGNORECASE,
)
#: Functions that return one of their arguments, and the first argument that they may return.
_FUNCTIONS = {
    **dict.fromkeys(("coalesce", "greatest", "ifnull", "least", "nullif", "nvl"), 0),
    **dict.fromkeys(("if", "iff", "nvl2"), 1),
}
_CHOICE = re.compile(
    rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<call>{'|'.join(_FUNCTIONS)})\s*\("
    r"|(?<![\w.])(?P<word>CASE|WHEN|THEN|ELSE|END)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONSTANT = re.compile(r"[-+]?\s*\d+(?:\.\d*)?|NULL", re.IGNORECASE)
_WHOLE = re.compile(r"(?P<integer>[-+]?\s*\d+)\.0*")


def correct_results(statement: str) -> str:
    """Return a statement that has the results of Databricks."""
    statement = _SHORT_DATE.sub(
        lambda match: "::TIMESTAMP_NTZ::DATE" if match["date"] else match[0], statement
    )
    return _correct_calls(write_whole_decimals(statement))


def _correct_calls(statement: str) -> str:
    return replace_calls(_RANGE.sub(_order_range, statement), _CORRECTED, _correct_call)


def _correct_call(call: FunctionCall) -> str | None:
    if _TABLE.search(call.before[-20:]):
        return None
    name = call.name
    if name.endswith("cast"):
        date = _DATE.fullmatch(call.arguments[0])
        if date is None:
            return None
        return f"{name}({name}({_correct_calls(date[1])} AS TIMESTAMP_NTZ) AS DATE)"
    arguments = [*map(_correct_calls, call.arguments)]
    over = _OVER.match(call.text, call.end)
    if "percentile" in name:
        if over:
            return None  # Sail has no percentile_disc over a window
        if _FILTER.match(call.text, call.end):
            value, share, *_ = arguments
            return f"percentile_disc({share}) WITHIN GROUP (ORDER BY {value})"
    corrected = write_call(name, arguments)
    if over and name == "collect_list" and not call.before.endswith("filter("):
        start, call.end = call.end, _find_window_end(call.text, over.end())
        return f"filter({corrected}{call.text[start : call.end]}, x -> x IS NOT NULL)"
    return corrected


def try_casts(statement: str) -> str:
    """Write casts with NULL for a value that is not of the type, where Sail has strict ones alone.

    Without ``spark.sql.ansi.enabled``, it has the others itself.
    """

    def write(match: re.Match[str]) -> str:
        found = read_arguments(statement, match.end()) if match["cast"] else None
        is_strict = found and _STRICT.fullmatch(statement, match.end(), found[1] - 1)
        return f"TRY_{match[0]}" if is_strict else match[0]

    return _CAST.sub(write, statement)


def _find_window_end(statement: str, start: int) -> int:
    """Return the end of the window after an ``OVER``: a name, or all in parentheses."""
    opening = re.compile(r"\s*(\(|[\w`]+)").match(statement, start)
    if opening is None:
        return start
    found = read_arguments(statement, opening.end()) if opening[1] == "(" else None
    return found[1] if found else opening.end()


def _order_range(match: re.Match[str]) -> str:
    order, column = match[1], match[2]
    if not match["bound"].isdigit():
        return f"{order}CAST({column} AS TIMESTAMP)"
    # The type of the column is known to Sail only: a date, whose range is in days, or a number.
    return (
        f"{order}CASE typeof({column}) WHEN 'date' THEN"
        f" CAST(unix_date(try_cast(CAST({column} AS STRING) AS DATE)) AS DOUBLE)"
        f" ELSE try_cast(CAST({column} AS STRING) AS DOUBLE) END"
    )


def write_whole_decimals(statement: str) -> str:
    """Write 0 for ``0.0`` where a choice has other values than constants too."""
    changes: list[Span] = []
    cases: list[tuple[int | None, list[Span]]] = []  # where a value begins, and those before it
    for token in _CHOICE.finditer(statement):
        word = (token["word"] or "").lower()
        if name := token["call"]:
            values = find_arguments(statement, token.end())
            changes += _find_changes(statement, values[_FUNCTIONS[name.lower()] :])
        elif word == "case":
            cases.append((None, []))
        elif word and cases:
            start, values = cases.pop()
            if start is not None:
                values = [*values, (start, token.start())]
            if word == "end":
                changes += _find_changes(statement, values)
            else:
                cases.append((None if word == "when" else token.end(), values))
    for start, end in sorted(changes, reverse=True):
        integer = _WHOLE.sub(r"\g<integer>", statement[start:end])
        statement = statement[:start] + integer + statement[end:]
    return statement


def _find_changes(statement: str, values: list[Span]) -> list[Span]:
    """Return the places of the decimals that are to be integers."""
    texts = [statement[start:end].strip() for start, end in values]
    if all(map(_CONSTANT.fullmatch, texts)):
        return []
    return [place for place, text in zip(values, texts, strict=True) if _WHOLE.fullmatch(text)]
