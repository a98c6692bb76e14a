"""The HTML of the documentation is completed for keyboards, screen readers and phones."""

from __future__ import annotations

import docs_html
import pytest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '<p class="caption" role="heading">',
            '<p class="caption" role="heading" aria-level="2">',
        ),
        ("<pre>code</pre>", '<pre tabindex="0">code</pre>'),
        ('<thead><tr class="row-odd"><th class="head"></th></tr></thead>', ""),
        (
            '<thead><tr><th class="head"><p></p></th><th class="head"><p>A</p></th></tr></thead>',
            '<thead><tr><td></td><th class="head"><p>A</p></th></tr></thead>',
        ),
        (
            '<td><span class="pre">LAKEFLOW_JOBS_CACHE</span></td>',
            '<td><span class="pre">LAKEFLOW_<wbr>JOBS_<wbr>CACHE</span></td>',
        ),
        ('<span class="pre">LAKEFLOW_JOBS_CACHE</span>',) * 2,
    ],
    ids=["caption", "code", "empty head", "empty cell", "long name", "name outside a table"],
)
def test_page_is_completed(before: str, after: str) -> None:
    assert docs_html.complete(before) == after


def test_picture_has_a_twin_for_the_dark_scheme() -> None:
    page = docs_html.complete('<img alt="A run" src="_images/run-light.png" />')
    assert 'class="only-dark screenshot" alt="A run" src="_images/run-dark.png"' in page


def test_completed_page_is_not_changed_again() -> None:
    page = docs_html.complete('<pre>x</pre><img alt="A" src="a-light.png" />')
    assert docs_html.complete(page) == page
