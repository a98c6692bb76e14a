"""Hostile text as HTML: escapes, colors, links and JSON."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console import rich_text
from flask_lakeflow_jobs.console.rich_text import (
    MAX_MARKDOWN_CHARS,
    _build_parser,
    link,
    render_json,
    render_lines,
    render_markdown,
)

LINK = (
    '<a href="https://x.org/a?b=1&amp;c=2" rel="noreferrer noopener nofollow">'
    "https://x.org/a?b=1&amp;c=2</a>"
)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("\x1b[31mred\x1b[0m plain", '<span class="lf-t-red">red</span> plain'),
        (
            "\x1b[1;92mx\x1b[22my",
            '<span class="lf-t-bold lf-t-green">x</span><span class="lf-t-green">y</span>',
        ),
        ("\x1b[43mx\x1b[49my", '<span class="lf-t-on-yellow">x</span>y'),
        ("\x1b[38;5;4mx\x1b[38;2;1;2;3my\x1b[38;5;99mz", '<span class="lf-t-blue">x</span>yz'),
        ("\x1b[;31;mx", "x"),
        (f"\x1b[{'1' * 5000}mx", "x"),
        ("\x1b[2K\x1b]0;title\x07\x1b(Ba\x07\u202eb\x1b", "ab"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("see https://x.org/a?b=1&c=2.", f"see {LINK}."),
        ("javascript:alert(1) ftp://x", "javascript:alert(1) ftp://x"),
    ],
)
def test_render_lines_of_one_line(text: str, html: str) -> None:
    assert render_lines(text) == [html]


def test_render_lines_keeps_a_color_over_lines() -> None:
    assert render_lines("\x1b[31ma\nb\x1b[0m\n\n") == [
        '<span class="lf-t-red">a</span>',
        '<span class="lf-t-red">b</span>',
        "",
    ]
    assert render_lines("") == []


def test_render_lines_cuts_a_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich_text, "MAX_LINE_CHARS", 3)
    assert render_lines("abcd") == ["abc…"]


class TagCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}


HOSTILE = st.text("<>\"'&=/\x1b[]mK;0123 \n\rahtps:.\x07\u202e", max_size=60)


@given(HOSTILE, st.recursive(HOSTILE, lambda inner: st.lists(inner, max_size=3)))
def test_rendered_text_has_no_markup_of_its_own(text: str, value: object) -> None:
    collector = TagCollector()
    json_html = render_json(json.dumps({text: value})) or ""
    collector.feed("".join([*render_lines(text), link(text), json_html]))
    assert collector.tags <= {"span", "a", "details", "summary", "ul", "li"}
    assert {name for name, _ in collector.attributes} <= {"class", "href", "rel", "open"}
    for name, attribute in collector.attributes:
        assert name != "href" or attribute.startswith(("http://", "https://"))
        assert name != "class" or attribute.startswith("lf-")


def test_render_json_folds_what_is_deep() -> None:
    html = render_json('{"a": [{"b": null}], "c": "<i>"}')
    assert html is not None
    assert html.count("<details open>") == 2
    assert html.count("<details>") == 1
    assert "&lt;i&gt;" in html


@pytest.mark.parametrize("text", ["", "12", '"a"', "{x", "[]", "[" * 100_000, "[" * 50 + "]" * 50])
def test_render_json_of_anything_else_is_none(text: str) -> None:
    assert render_json(text) is None


def test_render_json_of_a_large_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich_text, "MAX_JSON_NODES", 3)
    assert render_json("[1, 2, 3]") is None


#: What the rendered text may have; attributes are those of links, code and tables.
TEXT_TAGS = {"p", "strong", "em", "code", "pre", "ul", "ol", "li", "div", "a", "hr", "blockquote"}
TAGS = TEXT_TAGS | {"table", "thead", "tbody", "tr", "th", "td"}

REPORT = """# Orders of *today*
All **12,031** rows are in `sales`, see
[the runbook](https://example.org/a) or https://example.org/b.
- emea
- amer
1. one

| Region | Rows |
|--------|-----:|
| emea | 7 |
```
a < b
```
"""


def test_report_is_rendered() -> None:
    link = '<a href="{}" rel="noreferrer noopener nofollow">{}</a>'
    runbook = link.format("https://example.org/a", "the runbook")
    plain = link.format("https://example.org/b", "https://example.org/b")
    rendered = render_markdown(REPORT)
    assert rendered is not None
    assert re.sub(r"(?<=>)\n", "", rendered) == (
        "<p><strong>Orders of <em>today</em></strong></p>"
        "<p>All <strong>12,031</strong> rows are in <code>sales</code>, see\n"
        f"{runbook} or {plain}.</p>"
        "<ul><li>emea</li><li>amer</li></ul>"
        "<ol><li>one</li></ol>"
        '<div class="lf-scroll" tabindex="0"><table class="lf-data"><thead><tr><th>Region</th>'
        "<th>Rows</th></tr></thead><tbody><tr><td>emea</td><td>7</td></tr></tbody></table></div>"
        '<pre tabindex="0">a &lt; b\n</pre>'
    )


def test_text_is_shown_as_it_is_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    _build_parser.cache_clear()
    assert render_markdown(REPORT) is None
    _build_parser.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        *("", "12,031 rows", "a_b *c* - d", "- one\n- two", "a | b", "#1", "a  b\n----\n1  2"),
        "# a\n" * MAX_MARKDOWN_CHARS,
        f"{'|' * 200}\n{'|-' * 200}\n" + "|\n" * 100,
    ],
)
def test_other_text_is_no_markdown(text: str) -> None:
    assert render_markdown(text) is None


class Parser(HTMLParser):
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        given = dict(attrs)
        assert set(given) <= {"href", "rel", "tabindex", "class", "start"}
        assert (given.get("href") or "https://").startswith(("http://", "https://"))


pieces = st.sampled_from(
    [
        *("<javascript:x>", "<https://x>", "[a]: javascript:x\n", "[a]", "&lt;b&gt;", "> ", "~~~"),
        *("<script>", "[a](javascript:x)", "[a](https://x)", "![a](https://x)", '"', "'"),
        *("`", "**", "*", "# ", "- ", "1. ", "|", "\n", "---", "```", "\x1b[31m", "\u202e", "a"),
    ]
)


@given(st.lists(pieces, max_size=30))
def test_rendered_text_has_only_tags_of_its_own(some: list[str]) -> None:
    Parser().feed(render_markdown("# a\n" + "".join(some)) or "")
