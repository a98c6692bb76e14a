"""Markdown of hostile tasks, as HTML."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console.markdown import MAX_CHARS, _build_parser, render_markdown

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
        "# a\n" * MAX_CHARS,
        f"{'|' * 200}\n{'|-' * 200}\n" + "|\n" * 100,
    ],
)
def test_other_text_is_no_markdown(text: str) -> None:
    assert render_markdown(text) is None


class Parser(HTMLParser):
    open_links = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        self.open_links += tag == "a"
        assert self.open_links <= 1, "a link has none in it"
        given = dict(attrs)
        assert set(given) <= {"href", "rel", "tabindex", "class", "start"}
        assert (given.get("href") or "https://").startswith(("http://", "https://"))

    def handle_endtag(self, tag: str) -> None:
        self.open_links -= tag == "a"


pieces = st.sampled_from(
    [
        *(
            "<javascript:x>",
            "<mailto:a@b.example>",
            "[a](/b)",
            "<https://x>",
            "[a]: javascript:x\n",
            "[a]",
            "&lt;b&gt;",
            "> ",
            "~~~",
        ),
        *("<script>", "[a](javascript:x)", "[https://a](https://x)", "![a](https://x)", '"', "'"),
        *("`", "**", "*", "# ", "- ", "1. ", "|", "\n", "---", "```", "\x1b[31m", "\u202e", "a"),
    ]
)


@pytest.mark.parametrize("text", ["&#x202e;", "&#8238;", "[a&#x202e;](https://x.example)", "&#27;"])
def test_characters_that_drive_displays_are_removed_from_references(text: str) -> None:
    assert not re.search("[\u202e\x1b]", render_markdown(f"# a\n{text}") or "\x1b")


@given(st.lists(pieces, max_size=30))
def test_rendered_text_has_only_tags_of_its_own(some: list[str]) -> None:
    Parser().feed(render_markdown("# a\n" + "".join(some)) or "")
