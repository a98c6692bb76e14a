"""The documentation refers to existing tests and releases, and covers the whole API."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from docs_references import find_test

import flask_lakeflow_jobs
from tests.docs.blocks import ROOT

NAMED = re.findall(r"\{test\}`([^`]+)`", (ROOT / "docs" / "promises.md").read_text())

#: Marks text to remove at the first release.
NOTE = "<!-- until the first release -->"


@pytest.mark.parametrize("text", NAMED)
def test_promise_refers_to_an_existing_test(text: str) -> None:
    assert find_test(text, ROOT).sentence


def test_every_promise_refers_to_tests() -> None:
    page = (ROOT / "docs" / "promises.md").read_text()
    promises = [part for part in page.split("\n\n") if not part.startswith(("#", "- ", "What you"))]
    assert len(promises) == page.count("\n\n- ")


def test_unreleased_note_is_in_pages_until_first_release() -> None:
    first = (ROOT / "CHANGES.md").read_text().partition("## Version 0.1.0\n")[2]
    is_unreleased = first.lstrip().startswith("Unreleased")
    pages = {page.name for page in (ROOT / "docs").rglob("*.md") if NOTE in page.read_text()}
    assert pages == ({"start.md", "deploying.md", "databricks-apps.md"} if is_unreleased else set())


@pytest.mark.parametrize(
    ("text", "message"), [("b.py::test_x", "no file b.py"), ("a.py::test_z", "no test 'test_z'")]
)
def test_find_test_without_such_test_is_a_lookup_error(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.py").write_text("def test_zz():\n    ...\n")
    with pytest.raises(LookupError, match=message):
        find_test(text, tmp_path)


def test_api_page_documents_every_member() -> None:
    """Sphinx omits members without a docstring."""
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    named = re.findall(r"autoclass:: (\w+)\n   :members:", page)
    classes = [
        vars(flask_lakeflow_jobs)[name] for name in named if name in flask_lakeflow_jobs.__all__
    ]
    assert classes
    assert [
        f"{cls.__name__}.{name}"
        for cls in classes
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not member.__doc__
    ] == []
