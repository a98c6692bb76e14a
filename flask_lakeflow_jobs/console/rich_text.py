"""Text of tasks as HTML: with colors of the terminal, links, and JSON that folds. Pure.

The text is hostile. Everything is escaped; all other control sequences are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup, escape

from ..text import DIRECTION_MARKS, DIRECTIONS, format_value, parse_if_json

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
#: Sequences that move the cursor and so on, control characters, and changes of direction.
_UNWANTED = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-Z\\-~]"
    rf"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f{DIRECTIONS}{DIRECTION_MARKS}]"
)
WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'`\x1b]{1,2000}")
#: All but plain text, which most lines of a long text are.
_SPECIAL = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{DIRECTIONS}{DIRECTION_MARKS}]|https?://")
_URL_END = ".,;:!?)]}'\""

#: Of a link to another site, which learns nothing about the page.
LINK_ATTRIBUTES = Markup(' rel="noreferrer noopener nofollow"')

COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_LOOKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike"}
_ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 29: ("strike",)}

#: Digits of a number in a sequence.
_MAX_DIGITS = 9

#: Longer lines are cut: a browser takes seconds for them.
MAX_LINE_CHARS = 20_000

#: Larger or deeper JSON is shown as text.
MAX_JSON_CHARS = 200_000
MAX_JSON_NODES = 2_000
MAX_JSON_DEPTH = 30

#: Members of an object or array that is open at first.
_MAX_OPEN_MEMBERS = 50


class Style:
    """The looks of characters, as SGR sequences change them. ECMA-48, section 8.3.117."""

    def __init__(self) -> None:
        self._looks: set[str] = set()
        self._color = self._ground = ""
        self.classes = ""

    def apply(self, sequence: str) -> None:
        """Apply the parameters of a sequence, such as ``1;31``."""
        # Longer numbers mean nothing, and Python refuses to read very long ones.
        codes = [
            int(text) if 0 < len(text) <= _MAX_DIGITS else 0 for text in re.split("[;:]", sequence)
        ]
        while codes:
            self._apply_first(codes)
        names = [*sorted(self._looks), self._color, self._ground]
        self.classes = " ".join(f"lf-t-{name}" for name in names if name)

    def _apply_first(self, codes: list[int]) -> None:
        code = codes.pop(0)
        if code == 0:
            self._looks.clear()
            self._color = self._ground = ""
        elif code in _LOOKS:
            self._looks.add(_LOOKS[code])
        elif code in _ENDS:
            self._looks.difference_update(_ENDS[code])
        elif code in (38, 48):  # of 256 or of all colors; the first 16 have names
            color = self._read_extended(codes)
            self._set(color, is_ground=code == 48)
        elif code in (39, 49):
            self._set("", is_ground=code == 49)
        elif code // 10 in (3, 4, 9, 10) and code % 10 < len(COLORS):
            self._set(COLORS[code % 10], is_ground=code // 10 in (4, 10))

    def _read_extended(self, codes: list[int]) -> str:
        mode = codes.pop(0) if codes else 0
        values = codes[: {5: 1, 2: 3}.get(mode, 0)]
        del codes[: len(values)]
        is_named = mode == 5 and values and values[0] < 2 * len(COLORS)
        return COLORS[values[0] % len(COLORS)] if is_named else ""

    def _set(self, color: str, *, is_ground: bool) -> None:
        if is_ground:
            self._ground = f"on-{color}" if color else ""
        else:
            self._color = color


def split_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def render_lines(lines: Sequence[str], start: int = 0, end: int | None = None) -> list[Markup]:
    """Render the lines of a log from one position to another.

    A carriage return begins a line again, as progress bars do.
    """
    style = Style()
    for line in lines[:start]:  # a log may have a million lines, and a page shows few of them
        if "\x1b" in line:
            _render_line(line, style)
    return [_render_line(line, style) for line in lines[start:end]]


def render_text(text: str) -> Markup:
    return Markup("\n".join(render_lines(split_lines(text))))  # noqa: S704  # all escaped


def _render_line(line: str, style: Style) -> Markup:
    if len(line) <= MAX_LINE_CHARS and not (style.classes or _SPECIAL.search(line)):
        return escape(line)
    line = line.removesuffix("\r").rpartition("\r")[2]
    if len(line) > MAX_LINE_CHARS:
        line = f"{line[:MAX_LINE_CHARS]}…"
    return Markup("").join(_render_parts(_UNWANTED.sub("", line), style))


def _render_parts(line: str, style: Style) -> Iterator[Markup]:
    last = 0
    for match in _SGR.finditer(line):
        yield _render_part(line[last : match.start()], style)
        style.apply(match[1])
        last = match.end()
    yield _render_part(line[last:], style)


def _render_part(text: str, style: Style) -> Markup:
    linked = link(text.replace("\x1b", ""))
    if not (text and style.classes):
        return linked
    return Markup('<span class="{}">{}</span>').format(style.classes, linked)


def remove_controls(text: str) -> str:
    """Remove colors and all other control sequences."""
    return _UNWANTED.sub("", _SGR.sub("", text)).replace("\x1b", "")


def link(text: str) -> Markup:
    """Escape a text and link its web addresses."""
    parts, last = [], 0
    for match in WEB_ADDRESS.finditer(text):
        url = match[0].rstrip(_URL_END)
        parts.append(escape(text[last : match.start()]))
        parts.append(Markup('<a href="{}"{}>{}</a>').format(url, LINK_ATTRIBUTES, url))
        last = match.start() + len(url)
    return Markup("").join([*parts, escape(text[last:])])


def render_json(text: str) -> Markup | None:
    """Render an object or an array of JSON, which folds without a script.

    :return: ``None`` if the text is anything else, or too large.
    """
    if not text.lstrip().startswith(("{", "[")) or len(text) > MAX_JSON_CHARS:
        return None
    value = parse_if_json(text)
    if not value or _count_nodes(value, 0) > MAX_JSON_NODES:
        return None
    return _render_value(value, 0)


def _count_nodes(value: Any, depth: int) -> int:
    if depth > MAX_JSON_DEPTH:
        return MAX_JSON_NODES + 1
    nested = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return 1
    total = 1
    for each in nested:
        total += _count_nodes(each, depth + 1)
        if total > MAX_JSON_NODES:
            break
    return total


def _render_value(value: Any, depth: int) -> Markup:
    if not isinstance(value, dict | list) or not value:
        kind = "text" if isinstance(value, str) else "value"
        return Markup('<span class="lf-json-{}">{}</span>').format(kind, link(format_value(value)))
    members = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    items = Markup("").join(
        Markup('<li><span class="lf-json-key">{}</span> {}</li>').format(
            f"{name}:", _render_value(each, depth + 1)
        )
        for name, each in members
    )
    word = "member" if isinstance(value, dict) else "item"
    summary = f"{len(members)} {word}{'' if len(members) == 1 else 's'}"
    is_open = Markup(" open") if depth < 2 and len(members) <= _MAX_OPEN_MEMBERS else ""
    return Markup("<details{}><summary>{}</summary><ul>{}</ul></details>").format(
        is_open, summary, items
    )
