"""References from the documentation to tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TestReference:
    """A test function and its file, relative to the project's root."""

    __test__ = False

    file: str
    name: str

    @property
    def sentence(self) -> str:
        """The name as words."""
        return self.name.removeprefix("test_").replace("_", " ")


def find_test(text: str, root: Path) -> TestReference:
    """Find a test by its pytest id without a class, such as ``tests/runs/test_outcome.py::test_…``.

    :raises LookupError: if there is no such test.
    """
    file, _, name = text.partition("::")
    path = root / file
    if not path.is_file():
        raise LookupError(f"There is no file {file}.")
    if not re.search(rf"^\s*def {re.escape(name)}\(", path.read_text(), re.MULTILINE):
        raise LookupError(f"{file} has no test {name!r}.")
    return TestReference(file, name)
