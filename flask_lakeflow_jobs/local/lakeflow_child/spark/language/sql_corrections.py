"""SQL that Sail computes otherwise than Databricks, without an error, and the one for its results.

``left`` and ``right`` count a negative length from the other end. ``split`` by an empty text has
empty texts at both ends. The ``weekday`` of a Sunday is -1, and its ``DOW`` 0. ``bround`` of
decimals and ``rint`` round half up. A window over a range of dates has all earlier rows.
``initcap`` begins a word after each sign. ``nvl`` of a decimal and an integer is a double.
``to_timestamp`` takes a number for microseconds, and ``to_date`` no text with a ``T``.
``datediff(DAY, …)`` counts midnights, ``datediff`` and ``regexp_count`` are a ``BIGINT``.
``date_trunc`` of a date has no time zone. ``string`` of a time has a ``T``, and ``bigint`` of it
is of microseconds. ``get_json_object`` finds nothing with ``[*]``. ``percentile_approx`` returns a
value between two others, and takes no array. ``collect_list`` over a window keeps NULL.
``from_json`` reads no time with a ``T``. ``array_except`` takes no two arrays of which one alone
has no NULL. ``to_json`` writes microseconds. ``log`` takes no value alone.

Spark makes a ``DOUBLE`` of a ``DOUBLE`` and a decimal, and Sail a decimal of 30 digits, as in
``coalesce(x, 0.0)``. Both make a ``DOUBLE`` of a ``DOUBLE`` and an integer, and a decimal of a
decimal and an integer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...sql_statements import LITERAL, read_arguments

_TEXTS = (
    "array_except|approx_percentile|bigint|bround|collect_list|from_json|get_json_object|ifnull"
    "|initcap|left|log|nvl|percentile_approx|regexp_count|right|rint|split|string|to_json"
)
_TIMES = (
    "date_?diff|date_?part|date_trunc|extract|timestamp|timestampdiff|to_date|to_timestamp|weekday"
)
_CALL = re.compile(rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<name>{_TEXTS}|{_TIMES})\s*\(", re.I | re.S)
#: A condition that is false for each row, which Sail does not know before.
NEVER = "rand(0) < 0"
_CAST = re.compile(rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<cast>CAST)\s*\(", re.I | re.S)
_STRICT = re.compile(
    r".*\sAS\s+(?:BOOLEAN|DEC|DECIMAL|DOUBLE|FLOAT|NUMERIC|REAL)\b[\s\d,()]*", re.I | re.S
)
_OVER = re.compile(r"\s*(?:FILTER\s*\([^)]*\)\s*)?OVER\b", re.IGNORECASE)
_FILTER = re.compile(r"\s*FILTER\b", re.IGNORECASE)
_DAY_OF_WEEK = re.compile(r"'?(?:dow|dayofweek)'?\s+from\s+(.*)", re.IGNORECASE | re.DOTALL)
_TIMESTAMP = re.compile(r"(?<=[\s:<])TIMESTAMP(?=\s*(?:[,>]|$|NOT\b|COMMENT\b))", re.IGNORECASE)
#: How Databricks writes a time in JSON.
MILLISECONDS = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
_WORDS = "transform(split({}, ' '), w -> concat(upper(left(w, 1)), lower(substring(w, 2))))"
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
_TOKEN = re.compile(
    rf"{LITERAL}|`[^`]*`|(?<![\w.])(?P<call>{'|'.join(_FUNCTIONS)})\s*\("
    r"|(?<![\w.])(?P<word>CASE|WHEN|THEN|ELSE|END)\b|(?P<edge>[(),])",
    re.IGNORECASE | re.DOTALL,
)
_CONSTANT = re.compile(r"[-+]?\s*\d+(?:\.\d*)?|NULL", re.IGNORECASE)
_WHOLE = re.compile(r"(?P<integer>[-+]?\s*\d+)\.0*")


def correct_results(statement: str) -> str:
    """Return a statement that has the results of Databricks."""
    return _correct_calls(write_whole_decimals(statement))


def _correct_calls(statement: str) -> str:
    statement = _RANGE.sub(_order_range, statement)
    position = 0
    while (call := _CALL.search(statement, position)) is not None:
        position = call.end()
        if call["name"] and (found := read_arguments(statement, position)):
            arguments, end = found
            name, arguments = call["name"].lower(), [*map(_correct_calls, arguments)]
            over = _OVER.match(statement, end)
            if over and "percentile" in name:
                continue  # Sail has no percentile_disc over a window
            if "percentile" in name and _FILTER.match(statement, end):
                name = "percentile_disc"
            corrected = _write(name, *arguments)
            is_list = name == "collect_list"
            if over and is_list and not statement.endswith("filter(", 0, call.start()):
                start, end = end, _find_window_end(statement, over.end())
                corrected = f"filter({corrected}{statement[start:end]}, x -> x IS NOT NULL)"
            statement = statement[: call.start()] + corrected + statement[end:]
            position = call.start() + len(corrected)
    return statement


def try_casts(statement: str) -> str:
    """Write casts with NULL for a value that is not of the type, where Sail has strict ones alone.

    Without ``spark.sql.ansi.enabled``, it has the others itself.
    """
    position = 0
    while (call := _CAST.search(statement, position)) is not None:
        position = call.end()
        found = read_arguments(statement, position) if call["cast"] else None
        if found and _STRICT.fullmatch(statement, position, found[1] - 1):
            statement = f"{statement[: call.start()]}TRY_{statement[call.start() :]}"
            position += len("TRY_")
    return statement


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


def _write(name: str, *arguments: str) -> str:
    call = f"{name}({', '.join(arguments)})"
    if re.fullmatch(_TIMES, name):
        return _write_time(name, call, *arguments)
    if name in ("bround", "rint"):
        value, *scale = arguments
        return f"bround({', '.join([f'CAST({value} AS DOUBLE)', *scale])})"
    if name == "initcap":
        return f"array_join({_WORDS.format(*arguments)}, ' ')"
    if name == "log":
        return call if len(arguments) > 1 else f"ln({arguments[0]})"
    if name in ("ifnull", "nvl"):
        return f"coalesce({', '.join(arguments)})"
    if name in ("bigint", "string"):
        return f"CAST({arguments[0]} AS {name.upper()})"
    if name == "to_json":
        times = f"map('timestampFormat', \"{MILLISECONDS}\")"
        return call if len(arguments) > 1 else f"{name}({arguments[0]}, {times})"
    if len(arguments) < 2:
        return call
    text, by, *options = arguments
    if name == "array_except":
        nullable = (f"slice(array_append({x}, NULL), 1, size({x}))" for x in arguments)
        is_done = by.upper() == "NULL" or text.startswith("slice(array_append(")
        return call if is_done else f"{name}({', '.join(nullable)})"
    if name == "from_json":
        kinds = None if options or by[:1] not in ("'", '"') else split_times(by[1:-1])
        return call if kinds is None else f"try_cast(from_json({text}, '{kinds[0]}') AS {kinds[1]})"
    if name == "get_json_object":
        check_path(by)
        return call
    if name == "regexp_count":
        return f"CAST({call} AS INT)"
    if name in ("approx_percentile", "percentile_approx"):
        return _write_percentile(text, by)
    if name == "percentile_disc":  # its values are of the type DOUBLE
        return f"{name}({by}) WITHIN GROUP (ORDER BY {text})"
    if name != "split":
        is_plain = by.isdecimal()
        return call if is_plain else f"{name}({text}, if(({by}) < 0, 0, {by}))"
    if by not in ("''", '""'):
        return call
    return f"if(({text}) = '', array(''), array_remove({call}, ''))"


def split_times(schema: str) -> tuple[str, str] | None:
    """Return a schema of JSON with texts in place of times, and the type to cast its value to.

    :return: ``None`` if the schema has no times.
    """
    texts, count = _TIMESTAMP.subn("STRING", schema)
    is_type = re.match(r"\s*(?:array|map|struct)\s*<", schema, re.IGNORECASE)
    return (texts, schema if is_type else f"STRUCT<{schema}>") if count else None


def _write_percentile(value: str, by: str) -> str:
    match = re.match(r"array\s*\(", by, re.IGNORECASE)
    found = read_arguments(by, match.end()) if match else None
    shares = found[0] if found else [by]
    calls = [
        f"get(sort_array(collect_list({value})), "
        f"CAST(greatest(ceil({each} * count({value})) - 1, 0) AS INT))"
        for each in shares
    ]
    return f"array({', '.join(calls)})" if found else calls[0]


def _write_time(name: str, call: str, first: str, *rest: str) -> str:
    if name == "weekday":
        return f"pmod({call}, 7)"
    if name == "date_trunc":
        return f"CAST({call} AS TIMESTAMP)"
    if name == "to_date":
        is_done = rest or first.endswith(" AS TIMESTAMP_NTZ)")
        return call if is_done else f"{name}(CAST({first} AS TIMESTAMP_NTZ))"
    if name in ("timestamp", "to_timestamp"):
        return call if rest else f"CAST({first} AS TIMESTAMP)"
    if name in ("date_part", "datepart", "extract"):
        match = _DAY_OF_WEEK.fullmatch(" FROM ".join([first, *rest]))
        return f"dayofweek({match[1]})" if match else call
    if len(rest) == 1:
        return f"CAST({call} AS INT)"
    is_day = len(rest) == 2 and first.lower() == "day"
    return f"({name}(HOUR, {', '.join(rest)}) div 24)" if is_day else call


def check_path(path: Any) -> None:
    """Refuse a path of JSON that Sail does not read."""
    if isinstance(path, str) and "[*]" in path:
        raise NotImplementedError(
            f"Sail reads no [*] in a path of JSON ({path}). Parse the text with from_json, and "
            "take the field of each element with transform."
        )


@dataclass
class _Choice:
    """A call, a ``CASE`` or parentheses whose end was not found yet.

    :param kind: the name of the function, ``case``, or empty for parentheses.
    :param start: where the first argument of a call begins; ``None``: no value begins here.
    """

    kind: str
    start: int | None
    spans: list[tuple[int, int]] = field(default_factory=list)

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
