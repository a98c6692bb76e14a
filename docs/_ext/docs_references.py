"""The tests that the book refers to: each has to be there. Pure, but for reading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TestReference:
    """A test that the book names.

    :param file: its file, from the project's root.
    :param name: its function.
    """

    __test__ = False

    file: str
    name: str

    @property
    def sentence(self) -> str:
        """What it says."""
        return self.name.removeprefix("test_").replace("_", " ")


def found(text: str, root: Path) -> TestReference:
    """The test that is meant.

    :param text: as pytest spells it, without a class: ``tests/runs/test_outcome.py::test_…``.
    :param root: the project's.
    :raises LookupError: there is no such test.
    """
    file, _, name = text.partition("::")
    path = root / file
    if not path.is_file():
        raise LookupError(f"There is no file {file}.")
    if not re.search(rf"^\s*def {re.escape(name)}\(", path.read_text(), re.MULTILINE):
        raise LookupError(f"{file} has no test {name!r}.")
    return TestReference(file, name)
