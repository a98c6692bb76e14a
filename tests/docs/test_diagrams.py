"""The diagrams of the documentation are current, accessible, and free of scripts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import docs_diagrams
import pytest

from tests.docs.blocks import ROOT

SVG = "{http://www.w3.org/2000/svg}"

RENDERED = docs_diagrams.render_all()


def parse(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(RENDERED[name])  # noqa: S314  # our own file


def test_diagram_files_are_those_of_the_contents() -> None:
    assert {path.name for path in docs_diagrams.FOLDER.iterdir()} == set(RENDERED)


@pytest.mark.parametrize("name", RENDERED)
def test_diagram_file_is_up_to_date(name: str) -> None:
    advice = "Run: python docs/_ext/docs_diagrams.py"
    assert (docs_diagrams.FOLDER / name).read_text() == RENDERED[name], advice


@pytest.mark.parametrize("name", RENDERED)
def test_diagram_has_title_and_description_and_no_script(name: str) -> None:
    root = parse(name)
    labels = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
    assert all(label is not None and label.text for label in labels)
    assert root.get("aria-labelledby", "").split() == [
        label.get("id") for label in labels if label is not None
    ]
    assert not list(root.iter(f"{SVG}script"))
    # The root's namespace is the only address.
    assert re.findall(r"https?://[^\"]*", RENDERED[name]) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("name", RENDERED)
def test_diagram_is_in_exactly_one_page(name: str) -> None:
    pages = (ROOT / "docs").rglob("*.md")
    assert sum(f":file: ../diagrams/{name}" in page.read_text() for page in pages) == 1


@pytest.mark.parametrize("name", RENDERED)
def test_diagram_text_fits_into_its_width(name: str) -> None:
    root = parse(name)
    for text in root.iter(f"{SVG}text"):
        half = 3.6 * len(text.text or "")  # a generous width of a character, in pixels
        assert half <= float(text.get("x", 0)) <= docs_diagrams.WIDTH - half, text.text
