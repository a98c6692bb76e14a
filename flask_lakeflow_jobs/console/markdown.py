"""Markdown as HTML, by markdown-it-py, which is an extra.

The text is hostile. HTML in it is escaped, links lead to web addresses only, and there are no
images. A text counts as Markdown only if it has a heading, a table or a block of code: stars and
hyphens have another meaning in other texts.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from .rich_text import LINK_ATTRIBUTES, WEB_ADDRESS, link, remove_controls

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

#: Larger texts are shown as they are. A table is filled up, so it may have as many cells as its
#: lines times those of its widest line.
MAX_CHARS = 20_000
MAX_CELLS = 10_000

#: Levels of lists and quotes in each other.
MAX_NESTING = 20

#: Rules of Markdown that would show an image, or take a line over hyphens for a heading.
UNWANTED_RULES = ["image", "lheading"]

#: Blocks that no plain text has.
OWN_FORMS = {"heading_open", "table_open", "fence"}

#: Sections of the page have headings, so those of a text are paragraphs.
TAGS = {
    "heading_open": "<p><strong>",
    "heading_close": "</strong></p>",
    "table_open": '<div class="lf-scroll" tabindex="0"><table class="lf-data">',
    "table_close": "</table></div>",
    "th_open": "<th>",  # without alignment, which is a style in the page
    "td_open": "<td>",
}

#: What the rules share while one text is rendered.
Environment = MutableMapping[str, Any]


def render_markdown(text: str) -> Markup | None:
    """Render a text.

    :return: ``None`` if it is not Markdown or too large, or if markdown-it-py is not installed.
    """
    lines = [remove_controls(line) for line in text.splitlines()]
    cells = len(lines) * max((line.count("|") for line in lines), default=0)
    parser = _build_parser()
    if parser is None or len(text) > MAX_CHARS or cells > MAX_CELLS:
        return None
    shared: Environment = {}
    tokens = parser.parse("\n".join(lines), shared)
    if OWN_FORMS.isdisjoint(token.type for token in tokens):
        return None
    return Markup(parser.renderer.render(tokens, parser.options, shared))  # noqa: S704  # all escaped


@cache
def _build_parser() -> MarkdownIt | None:
    try:
        from markdown_it import MarkdownIt  # an extra
    except ImportError:
        return None
    options = {"html": False, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options).enable("table").disable(UNWANTED_RULES)
    parser.validateLink = _is_web_address  # type: ignore[method-assign]  # its documented hook
    for name, rule in {
        **dict.fromkeys(TAGS, _render_tag),
        **dict.fromkeys(("fence", "code_block"), _render_code),
        "link_open": _open_link,
        "link_close": _close_link,
        "text": _render_text,
    }.items():
        parser.add_render_rule(name, rule)
    return parser


def _is_web_address(url: str) -> bool:
    return WEB_ADDRESS.fullmatch(url) is not None


def _render_tag(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    return TAGS[tokens[at].type]


def _render_code(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
    return f'<pre tabindex="0">{escape(tokens[at].content)}</pre>'


def _open_link(_: Any, tokens: Sequence[Token], at: int, __: Any, shared: Environment) -> str:
    shared["is_link"] = True
    return f'<a href="{escape(tokens[at].attrGet("href"))}"{LINK_ATTRIBUTES}>'


def _close_link(_: Any, tokens: Sequence[Token], at: int, __: Any, shared: Environment) -> str:
    shared["is_link"] = False
    return "</a>"


def _render_text(_: Any, tokens: Sequence[Token], at: int, __: Any, shared: Environment) -> str:
    text = remove_controls(tokens[at].content)  # of references such as &#8238;
    return str(escape(text) if shared.get("is_link") else link(text))
