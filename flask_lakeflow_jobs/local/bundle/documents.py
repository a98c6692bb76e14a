"""The YAML files that make up a bundle: the root one, and those that it includes."""
# MERGED """The file with which a bundle begins."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import yaml

from .errors import BundleError, Location
from .merge import merged
from .yaml import MarkedDict, MarkedList, load_marked

_WILDCARDS = "*?["
_ENDINGS = (".yml", ".yaml", ".json")


class Documents:
    """All files of a bundle, read and merged into one tree.

    :param file: the root file.
    :param sources: is given every file that is read, and every folder in which one may yet
        appear.
    :raises Flaw: one of them cannot be read.
    """

    def __init__(self, file: Path, sources: list[Path]) -> None:
        self._root = file.parent
        self._read = {file}
        self._sources = sources
        self._sources.append(file)
        self.tree = read_mapping(file)
        self.warnings: list[tuple[str, Location | None]] = []
        for pattern, place in _patterns(self.tree):
            self._include(pattern, place)

    def _include(self, pattern: str, place: Location) -> None:
        if not pattern or Path(pattern).is_absolute():
            raise BundleError(f"{pattern!r} has to be a path beside this file.", place)
        # A file that is added later changes its folder.
        self._sources += _folders_of(pattern, self._root)
        # As in the CLI, a double star is no more than a star.
        files = [self._root / found for found in glob.glob(pattern, root_dir=self._root)]
        if not files and not any(sign in pattern for sign in _WILDCARDS):
            raise BundleError(f"There is no file {pattern!r} to include.", place)
        for file in sorted(Path(os.path.normpath(each)) for each in files):
            if file in self._read or (file.parent == self._root and file.name in ROOT_FILES):
                continue
            if file.suffix not in _ENDINGS:
                raise BundleError(
                    f"{pattern!r} includes {file.name}, which is neither YAML nor JSON. Name files "
                    "to copy under 'sync.include'.",
                    place,
                )
            self._read.add(file)
            self._sources.append(file)
            # A file whose every line is a comment has nothing to add.
            if (document := _read(file)) is not None:
                self._merge(_as_mapping(document, file))

    def _merge(self, included: MarkedDict) -> None:
        if "include" in included:
            self.warnings.append(
                (
                    "Only the root file may include others. List these files there.",
                    included.places["include"],
                )
            )
            included.pop("include")
        defined = _jobs_in(self.tree)
        for key, place in _jobs_in(included).items():
            if key in defined:
                file, line = defined[key]
                raise BundleError(
                    f"The job {key!r} is already defined in {display_path(file, self._root)}:{line}.",
                    place,
                )
        self.tree = merged(self.tree, included)


def display_path(file: Path, root: Path) -> str:
    """A file as messages name it: relative to the bundle, where it lies in it."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def read_mapping(file: Path) -> MarkedDict:
    """The mapping that a file of YAML or JSON holds.

    :raises Flaw: it cannot be read, or holds something else.
    """
    return _as_mapping(_read(file), file)


def _read(file: Path) -> Any:
    try:
        return load_marked(file)
    except FileNotFoundError:
        raise BundleError("There is no such file.", (file, 0)) from None
    except (OSError, UnicodeError) as error:
        raise BundleError(f"It cannot be read: {error}.", (file, 0)) from None
    except RecursionError:
        raise BundleError("It is nested too deeply to be read.", (file, 0)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 0
        raise BundleError(f"This is no YAML: {problem}.", (file, line)) from None


def _as_mapping(document: Any, file: Path) -> MarkedDict:
    if not isinstance(document, MarkedDict):
        raise BundleError(
            "The file has to hold a mapping with 'bundle' and 'resources'.", (file, 1)
        )
    return document


def _patterns(tree: MarkedDict) -> list[tuple[str, Location]]:
    patterns = tree.get("include", MarkedList())
    if not isinstance(patterns, MarkedList) or not all(isinstance(p, str) for p in patterns):
        raise BundleError("'include' has to be a list of paths.", tree.places["include"])
    return list(zip(patterns, patterns.places, strict=True))


def _jobs_in(tree: MarkedDict) -> dict[str, Location]:
    """Where the jobs of a document are defined."""
    resources = tree.get("resources")
    jobs = resources.get("jobs") if isinstance(resources, MarkedDict) else None
    return jobs.places if isinstance(jobs, MarkedDict) else {}


def _folders_of(pattern: str, root: Path) -> list[Path]:
    """The folders in which what a pattern names may yet appear: each that is on the way, and the
    one without any wildcard whether it is there or not.
    """
    folders = [root]
    *above, _ = Path(pattern).parts
    for length in range(1, len(above) + 1):
        part = str(Path(*above[:length]))
        if any(sign in part for sign in _WILDCARDS):
            found = (root / each for each in glob.glob(part, root_dir=root))
            folders += [each for each in found if each.is_dir()]
        else:
            folders[0] = root / part
    return folders


ROOT_FILES = ("databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml")


"""The names that the CLI looks for (its ``bundle/config/filename.go``)."""


def find_root_file(path: Path) -> Path:
    """The root file of a bundle that is named by that file, or by the folder in which it stands;
    an absolute path without detours.
    """
    path = Path(os.path.abspath(path))
    if not path.is_dir():
        return path
    candidates = [path / name for name in ROOT_FILES]
    return next((file for file in candidates if file.is_file()), candidates[0])
