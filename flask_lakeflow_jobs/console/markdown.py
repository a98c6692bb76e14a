"""Markdown as HTML: headings, lists, tables, code, emphasis and links. Pure.

The text is hostile. Everything is escaped, links lead to web addresses only, and there are no
images and no HTML. A text counts as Markdown only if it has a heading, a table or a block of code:
stars and hyphens have another meaning in other texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from markupsafe import Markup

from .rich_text import LINK, MAX_LINE_CHARS, link, remove_controls

#: Longer texts are shown as they are.
MAX_CHARS = 100_000

_FENCE = "```"
_HEADING = re.compile(r"#{1,6} +(\S.*)")
_ITEMS = {
    "ul": re.compile(r" {0,8}[-*+] +(\S.*)"),
    "ol": re.compile(r" {0,8}[0-9]{1,9}[.)] +(\S.*)"),
}
_DASHES = re.compile(":?-+:?")

#: Code, a link, strong text or emphasis. Inside of these, only web addresses are something else.
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\[(?P<label>[^\[\]]{1,500})\]\((?P<url>https?://[^\s()<>\"']{1,2000})\)"
    r"|\*\*(?P<strong>[^\s*][^*]*)\*\*"
    r"|\*(?P<em>[^\s*][^*]*)\*"
)

Lines = Sequence[str]


def render_markdown(text: str) -> Markup | None:
    """Render a text, or return ``None`` if it is not Markdown, or too large."""
    lines = [remove_controls(line) for line in text.splitlines()]
    if len(text) > MAX_CHARS or max(map(len, lines), default=0) > MAX_LINE_CHARS:
        return None
    is_markdown = any(_has_own_form(lines, at) for at in range(len(lines)))
    return Markup("").join(_render_blocks(lines)) if is_markdown else None


def _has_own_form(lines: Lines, at: int) -> bool:
    """Return whether a line begins a block that no plain text has."""
    is_heading = _HEADING.fullmatch(lines[at]) is not None
    return is_heading or lines[at].startswith(_FENCE) or _is_table(lines, at)


def _begins_block(lines: Lines, at: int) -> bool:
    """Return whether a line ends the paragraph before it."""
    is_item = any(pattern.fullmatch(lines[at]) for pattern in _ITEMS.values())
    return not lines[at].strip() or is_item or _has_own_form(lines, at)


def _is_table(lines: Lines, at: int) -> bool:
    """Return whether a line is the head of a table, by the line below it."""
    below = lines[at + 1] if at + 1 < len(lines) else ""
    return "|" in lines[at] and "|" in below and all(map(_DASHES.fullmatch, _cells(below)))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _render_blocks(lines: Lines) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        block, count = _render_block(lines, at)
        yield block
        at += count


def _render_block(lines: Lines, at: int) -> tuple[Markup, int]:
    """Render the block that begins at a line, and return the number of its lines."""
    line = lines[at]
    if not line.strip():
        return Markup(""), 1
    if line.startswith(_FENCE):
        code = _take(lines, at + 1, lambda here: not lines[here].startswith(_FENCE))
        return Markup('<pre tabindex="0">{}</pre>').format("\n".join(code)), len(code) + 2
    if heading := _HEADING.fullmatch(line):
        return Markup("<p><strong>{}</strong></p>").format(link(heading[1])), 1
    if _is_table(lines, at):
        rows = _take(lines, at + 2, lambda here: "|" in lines[here])
        return _render_table(_cells(line), list(map(_cells, rows))), len(rows) + 2
    for tag, pattern in _ITEMS.items():
        items = [match[1] for match in map(pattern.fullmatch, _run(lines, at, pattern)) if match]
        if items:
            return Markup("<{0}>{1}</{0}>").format(tag, _join("li", items)), len(items)
    more = _take(lines, at + 1, lambda here: not _begins_block(lines, here))
    return Markup("<p>{}</p>").format(_render_inline("\n".join([line, *more]))), len(more) + 1


def _take(lines: Lines, start: int, belongs: Callable[[int], bool]) -> list[str]:
    return [lines[at] for at in takewhile(belongs, range(start, len(lines)))]


def _run(lines: Lines, start: int, pattern: re.Pattern[str]) -> list[str]:
    return _take(lines, start, lambda at: pattern.fullmatch(lines[at]) is not None)


def _render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    body = Markup("").join(Markup("<tr>{}</tr>").format(_join("td", row)) for row in rows)
    return Markup(
        '<div class="lf-scroll" tabindex="0"><table class="lf-data"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(_join("th", head), body)


def _join(tag: str, texts: Sequence[str]) -> Markup:
    return Markup("").join(
        Markup("<{0}>{1}</{0}>").format(tag, _render_inline(each)) for each in texts
    )


def _render_inline(text: str) -> Markup:
    parts, last = [], 0
    for match in _INLINE.finditer(text):
        parts.append(link(text[last : match.start()]))
        parts.append(_render_match(match))
        last = match.end()
    return Markup("").join([*parts, link(text[last:])])


def _render_match(match: re.Match[str]) -> Markup:
    if match["url"]:
        return LINK.format(match["url"], match["label"])
    tag = match.lastgroup or ""
    text = match[tag]
    return Markup("<{0}>{1}</{0}>").format(tag, text if tag == "code" else link(text))
