"""Hostile text as HTML: escapes, colors, links and JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.console import rich_text
from flask_lakeflow_jobs.console.rich_text import link, render_json, render_lines, split_lines

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
        ("\x1b[38m\x1b[98m\x1b[109mx", "x"),
        (f"\x1b[{'1' * 5000}mx", "x"),
        ("\x1b[2K\x1b]0;title\x07\x1b(Ba\x07\u202eb\x1b", "ab"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("see https://x.org/a?b=1&c=2.", f"see {LINK}."),
        ("javascript:alert(1) ftp://x", "javascript:alert(1) ftp://x"),
    ],
)
def test_render_lines_of_one_line(text: str, html: str) -> None:
    assert render_lines(split_lines(text)) == [html]


def test_render_lines_keeps_a_color_over_lines() -> None:
    assert render_lines(split_lines("\x1b[31ma\nb\x1b[0m\n\n")) == [
        '<span class="lf-t-red">a</span>',
        '<span class="lf-t-red">b</span>',
        "",
    ]
    assert render_lines(split_lines("")) == []


LINES = st.lists(st.text("a<\x1b[31;0m\r\u202e "), max_size=9)


@given(LINES, st.integers(0, 9), st.integers(0, 9))
def test_render_some_lines_keeps_the_colors_before_them(
    lines: list[str], start: int, end: int
) -> None:
    assert render_lines(lines, start, end) == render_lines(lines)[start:end]


def test_render_some_lines_renders_no_plain_lines_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log may have a million lines, of which a page shows a thousand."""
    rendered: list[str] = []
    monkeypatch.setattr(rich_text, "_render_line", lambda line, _: rendered.append(line))
    render_lines(["a", "\x1b[31mb", "c", "d", "e"], 3, 4)
    assert rendered == ["\x1b[31mb", "d"]


def test_render_lines_cuts_a_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rich_text, "MAX_LINE_CHARS", 3)
    assert render_lines(["abcd"]) == ["abc…"]


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
    collector.feed("".join([*render_lines(split_lines(text)), link(text), json_html]))
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
