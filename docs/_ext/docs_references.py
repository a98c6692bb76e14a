"""References from the documentation to tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TestReference:
    """A test function and its file, relative to the project's root.

    :param title: a few words for readers.
    """

    __test__ = False

    title: str
    file: str
    name: str


_TITLED = re.compile(r"(?P<title>.+?)\s+<(?P<file>[^<>:]+)::(?P<name>\w+)>", re.DOTALL)


def find_test(text: str, root: Path) -> TestReference:
    """Find a test by a title and its pytest id: ``two apps <tests/test_extension.py::test_…>``.

    :raises LookupError: if there is no such test, or the text is no such reference.
    """
    found = _TITLED.fullmatch(text)
    if found is None:
        raise LookupError(f"{text!r} is not of the form: title <file::test>")
    title, file, name = found.groups()
    path = root / file
    if not path.is_file():
        raise LookupError(f"There is no file {file}.")
    if not re.search(rf"^\s*def {re.escape(name)}\(", path.read_text(), re.MULTILINE):
        raise LookupError(f"{file} has no test {name!r}.")
    return TestReference(title, file, name)
