"""Projects that tasks import from their sources: their names, and their metadata.

Two names are the same if only case and separators differ (PEP 503).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution, DistributionFinder
    from typing import Any

#: The files in which a project gives its name.
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_VERSION = re.compile(r"""^\s*version\s*=\s*["']?(\d[\w.+!-]*)""", re.MULTILINE)


def package_of(requirement: str) -> str:
    """Return the name of the package in a requirement, such as ``cowsay>=6``."""
    return re.split(r"[\s(\[<>=!~;@]", requirement)[0]


def normalize_name(requirement: str) -> str:
    """Return the name of the package in a requirement, spelled as package indexes spell it."""
    return re.sub(r"[-_.]+", "-", package_of(requirement)).lower()


def declares(text: str, package: str) -> bool:
    """Return whether the text of a project file gives its project this name."""
    pattern = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", package)))
    declaration = rf"""\bname\s*=\s*["']?{pattern}["']?\s*(?:[,)]|$)"""
    return re.search(declaration, text, re.MULTILINE | re.IGNORECASE) is not None


class ProjectFinder:
    """Finds the distributions of projects by their names, after those that are installed.

    :param folders: of the projects, with their files.
    """

    def __init__(self, folders: list[str]) -> None:
        self._folders = folders

    def find_spec(self, *_: object) -> ModuleSpec | None:
        """Find no module: those are on the import path."""
        return None

    def find_distributions(self, context: DistributionFinder.Context) -> Iterator[Distribution]:
        """Yield the distribution of a name."""
        for folder in self._folders:
            for text in read_project_files(folder):
                if context.name is not None and declares(text, context.name):
                    found = _VERSION.search(text)
                    yield _create(context.name, found[1] if found else "0.0.0", folder)


def read_project_files(folder: str) -> Iterator[str]:
    """Yield the texts of the files in which the project of a folder gives its name."""
    for name in PROJECT_FILES:
        with (
            suppress(OSError),
            open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file,
        ):
            yield file.read()


def _create(name: str, version: str, folder: str) -> Distribution:
    from importlib import metadata  # it takes long to import, and the caller has done it

    class ProjectDistribution(metadata.Distribution):
        def read_text(self, filename: str) -> str | None:
            return f"Name: {name}\nVersion: {version}\n" if filename == "METADATA" else None

        def locate_file(self, path: Any) -> Any:
            return os.path.join(folder, path)

    return ProjectDistribution()
