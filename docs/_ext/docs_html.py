"""Completes the HTML of Sphinx and the theme: keyboards, screen readers, phones, the dark scheme.

``tests/browser/test_site.py`` checks the result in Chromium.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Patterns in the pages, and their replacements.
REPLACEMENTS = (
    # Captions of the navigation are headings without a level.
    (r'(<p class="caption" role="heading")>', r'\1 aria-level="2">'),
    # Two landmarks of the same kind need names.
    (r'<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="Pages">'),
    (r'<aside class="(toc-drawer[^"]*)">', r'<aside class="\1" aria-label="On this page">'),
    # Boxes that scroll are reachable with the keyboard.
    (r"<pre>", '<pre tabindex="0">'),
    (r'<div class="(table-wrapper[^"]*)">', r'<div class="\1" tabindex="0">'),
    # Tables without a head, and cells of a head without text.
    (r'<thead>\s*<tr[^>]*>(?:\s*<th class="head">(?:<p></p>)?</th>)+\s*</tr>\s*</thead>', ""),
    (r'<th class="head">(?:<p></p>)?</th>', "<td></td>"),
    # A picture of the light scheme has a twin for the dark one.
    (
        r'<img alt="([^"]*)" src="([^"]*)-light\.png" />',
        (
            r'<img class="only-light screenshot" alt="\1" src="\2-light.png" />'
            r'<img class="only-dark screenshot" alt="\1" src="\2-dark.png" />'
        ),
    ),
)

_CELL = re.compile(r"<td>.*?</td>", re.DOTALL)
_LONG_NAME = re.compile(r'(?<=<span class="pre">)[^<]{16,}(?=</span>)')


def complete(page: str) -> str:
    """Return the HTML of a page with the replacements.

    Long names in the cells of tables may break at underscores and slashes.
    """
    for pattern, replacement in REPLACEMENTS:
        page = re.sub(pattern, replacement, page)
    return _CELL.sub(lambda cell: _LONG_NAME.sub(_break_name, cell[0]), page)


def _break_name(name: re.Match[str]) -> str:
    return re.sub(r"(?<=[_/.:])(?=\w)|(?<=[a-z])(?=[A-Z])", "<wbr>", name[0])


def _complete_pages(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    images = Path(app.outdir) / "_images"
    for picture in (Path(app.srcdir) / "screenshots").glob("*-dark.png"):
        if (images / picture.name.replace("-dark.png", "-light.png")).exists():
            shutil.copy(picture, images)
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        completed = complete(page)
        if completed != page:
            path.write_text(completed, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Complete all pages at the end of a build."""
    app.connect("build-finished", _complete_pages)
    return {"parallel_read_safe": True}
