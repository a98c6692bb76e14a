"""Text from outside: parsed strictly, or cleaned for one line of a log, a message or a header."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

#: Longer lines are cut.
MAX_LINE_CHARS = 2_000

#: Names and numbers in messages about JSON are cut.
MAX_NAME_CHARS = 40

#: The digits that Python converts to an integer, by default.
MAX_INTEGER_DIGITS = 4300

#: Errors in messages and in the record are cut.
MAX_ERROR_CHARS = 300

#: What reverses the direction of text, within a class of a pattern; and the marks that texts in
#: Arabic or Hebrew have too. Source: Unicode UAX 9.
DIRECTIONS = r"\u202a-\u202e\u2066-\u2069"
DIRECTION_MARKS = r"\u061c\u200e\u200f"

#: Control characters, which start lines and drive terminals; line separators; halves of characters,
#: which cannot be encoded; and directions of text.
UNPRINTABLE = re.compile(
    rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{DIRECTIONS}{DIRECTION_MARKS}]+"
)

#: Half of a character, which JSON can express. It cannot be encoded.
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
HALF_CHARACTER_MESSAGE = "Must be valid Unicode: it contains half of a surrogate pair."

#: What progress tokens begin with, so that they can be found wherever a job repeats them.
PROGRESS_TOKEN_PREFIX = "lfjp_"  # noqa: S105
PROGRESS_TOKENS = re.compile(rf"{PROGRESS_TOKEN_PREFIX}[\w.-]+")

#: Personal access tokens and OAuth tokens, as a workspace may repeat the token that it received;
#: and progress tokens.
TOKENS = re.compile(
    rf"\bdapi\w{{4,}}(?:-\d+)?|\beyJ[\w-]{{6,}}(?:\.[\w-]+)*|{PROGRESS_TOKENS.pattern}"
)

#: Beginnings of cells that spreadsheets take for formulas, also as wide characters of East Asia.
#: Source: OWASP, "CSV Injection".
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

#: The places in a cell before them. A spreadsheet whose decimal sign is a comma starts a cell at a
#: semicolon, and takes the quotes that keep a line in one cell for text.
_BEFORE_INNER_FORMULA = re.compile(r"(?<=[;\t\r\n])(?=\"*[-=+@\uff1d\uff0b\uff0d\uff20])")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON more strictly than Python, which accepts numbers that are not finite, and keeps
    the last of two members with the same name.

    :raises ValueError: it is not JSON, has such a number or a huge one, repeats a name, or is
        nested too deeply.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_build_object,
            parse_constant=_parse_number,
            parse_float=_parse_number,
            parse_int=_parse_integer,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_if_json(text: str | bytes) -> Any:
    """Parse a text as Python does; ``None`` if it is not JSON, or is nested too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise ValueError(f"{name[:MAX_NAME_CHARS]!r} is repeated")
        document[name] = value
    return document


def _parse_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_NAME_CHARS]} is not a finite number")
    return number


def _parse_integer(text: str) -> int:
    # Python refuses more digits too, but advises to change its own settings.
    if len(text) > MAX_INTEGER_DIGITS:
        raise ValueError(f"{text[:MAX_NAME_CHARS]}… is too large a number")
    return int(text)


def is_loopback(url: str | None) -> bool:
    """Return whether an address is one of this machine."""
    return urlsplit(url or "").hostname in ("127.0.0.1", "localhost", "::1")


def format_csv_line(values: Iterable[object]) -> str:
    """Return a line of CSV, without its end and NUL, that no spreadsheet takes for formulas.

    :param values: ``None`` makes an empty cell.
    """
    buffer = io.StringIO()
    csv.writer(buffer).writerow(map(_format_cell, values))
    return buffer.getvalue().removesuffix("\r\n")


def _format_cell(value: object) -> str:
    # Before Python 3.11, csv refuses NUL. ASVS 5.0, 1.2.10, warns of it in any case.
    text = "" if value is None else str(value).replace("\0", "")
    text = _BEFORE_INNER_FORMULA.sub("'", text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def format_value(value: Any) -> str:
    """Return a text as it is, and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def join_lines(text: str | None) -> str:
    """Return a text on one line, with single blanks between its words."""
    return " ".join((text or "").split())


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank."""
    return next((line for line in text.splitlines() if line.strip()), "")


def clean_line(text: str, max_chars: int = MAX_LINE_CHARS) -> str:
    """Return a text as one line of limited length, without tokens."""
    if len(text) > max_chars:
        text = f"{text[:max_chars]}…"
    return TOKENS.sub("…", UNPRINTABLE.sub(" ", text))
