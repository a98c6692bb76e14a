"""The documentation refers to existing tests and releases, and covers the whole API."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from docs_references import find_test

import flask_lakeflow_jobs
from tests.docs.blocks import ROOT, pages

NAMED = re.findall(r"\{test\}`([^`]+)`", (ROOT / "docs" / "promises.md").read_text())

#: Marks text to remove at the first release.
NOTE = "<!-- until the first release -->"


def test_promises_refer_to_existing_tests() -> None:
    assert all(find_test(text, ROOT).title for text in NAMED)


def test_every_promise_is_one_sentence_with_a_test() -> None:
    page = (ROOT / "docs" / "promises.md").read_text()
    promises = re.findall(r"^- (.*?)(?=\n- |\n\n|\Z)", page, re.DOTALL | re.MULTILINE)
    assert len(promises) > 40
    for promise in promises:
        assert re.fullmatch(r"[^.{]+[^.{\d]\.\s+(\{test\}`[^`]+`,?\s*)+", promise), promise


#: A command that finds nothing before the first release.
INSTALL = re.compile(r"^pip install .*flask-lakeflow-jobs", re.MULTILINE)


def is_released() -> bool:
    first = (ROOT / "CHANGES.md").read_text().partition("## Version 0.1.0\n")[2]
    return not first.lstrip().startswith("Unreleased")


@pytest.mark.parametrize("page", [page for page in pages() if NOTE in page.read_text()], ids=str)
def test_unreleased_note_is_removed_at_the_first_release(page: Path) -> None:
    assert not is_released()


def first_pages() -> list[Path]:
    """Return the pages where people who have not installed the package yet begin."""
    return [
        ROOT / "README.md",
        ROOT / "docs" / "index.md",
        *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ]


@pytest.mark.parametrize("page", first_pages(), ids=lambda page: page.stem)
def test_unreleased_note_stands_before_the_first_install(page: Path) -> None:
    text = page.read_text()
    install = INSTALL.search(text)
    if install and not is_released():
        assert NOTE in text[: install.start()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x <b.py::test_x>", "no file b.py"),
        ("z <a.py::test_z>", "no test 'test_z'"),
        ("a.py::test_zz", "not of the form"),
    ],
)
def test_find_test_without_such_test_is_a_lookup_error(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.py").write_text("def test_zz():\n    ...\n")
    with pytest.raises(LookupError, match=message):
        find_test(text, tmp_path)


def test_api_page_has_every_public_name() -> None:
    pages = [ROOT / "docs" / "reference" / name for name in ("api.md", "signals.md")]
    pattern = r"auto\w+:: (\w+)|py:data:: (\w+)"
    found = {
        name for page in pages for pair in re.findall(pattern, page.read_text()) for name in pair
    }
    assert set(flask_lakeflow_jobs.__all__) <= found


def test_api_page_documents_every_member() -> None:
    """Sphinx omits members without a docstring."""
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    named = re.findall(r"autoclass:: (\w+)(?:\(\))?\n   :members:", page)
    classes = [
        getattr(flask_lakeflow_jobs, name) for name in named if name in flask_lakeflow_jobs.__all__
    ]
    assert classes
    assert [
        f"{cls.__name__}.{name}"
        for cls in classes
        for base in cls.__mro__
        if base.__module__.startswith("flask_lakeflow_jobs.")
        for name, member in vars(base).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not member.__doc__
    ] == []
