"""The YAML files that make up a bundle: the root file, and the files that it includes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .bundle_error import BundleError, Location, Warn
from .merge import merge
from .yaml import LocatedDict, LocatedList, load_yaml

# The names that the CLI accepts (its bundle/config/filename.go).
_ROOT_FILES = ("databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml")
_SUFFIXES = (".yml", ".yaml", ".json")
_WILDCARDS = "*?["
_YAML_ADVICE = {
    "mapping values are not allowed here": "Quote a value that contains ': '",
    "could not find expected ':'": "Write ': ' after the key, or indent the lines after '|' more",
    "expected <block end>, but found '-'": "Give a list a key of its own: here it follows keys",
}


def find_root_file(path: Path) -> Path:
    """Return the absolute path of a bundle's root file.

    :param path: the root file, or the folder that contains it.
    """
    path = Path(os.path.abspath(path))
    if not path.is_dir():
        return path
    candidates = [path / name for name in _ROOT_FILES]
    return next((file for file in candidates if file.is_file()), candidates[0])


def read_documents(file: Path, sources: list[Path], warn: Warn) -> LocatedDict:
    """Read all files of a bundle and merge them.

    :param sources: receives every file that is read, and every folder in which one may yet appear.
    :raises BundleError: a file cannot be read.
    """
    root = file.parent
    sources.append(file)
    tree = read_mapping(file, warn)
    included = {file}
    for pattern, location in _patterns(tree):
        for each in _find_included(pattern, location, root, sources):
            if each in included or (each.parent == root and each.name in _ROOT_FILES):
                continue
            _check_suffix(each, pattern, location)
            included.add(each)
            sources.append(each)
            # A file of comments has no content.
            if (content := _read(each, warn)) is None:
                continue
            document = _as_mapping(content, each)
            if "include" in document:
                message = "Only the root file may include others. List these files there."
                warn(message, document.locations["include"])
                document.pop("include")
            _check_new_jobs(tree, document, root)
            tree = merge(tree, document)
    return tree


def read_mapping(file: Path, warn: Warn = lambda *_: None) -> LocatedDict:
    """Return the mapping in a YAML or JSON file.

    :raises BundleError: the file cannot be read, or holds something else.
    """
    return _as_mapping(_read(file, warn), file)


def display_path(file: Path, root: Path) -> str:
    """Return a file as messages name it: relative to the bundle's folder if it is inside."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _patterns(tree: LocatedDict) -> Iterator[tuple[str, Location]]:
    patterns = tree.get("include")
    if patterns is None:  # also where all its lines are comments
        return iter(())
    if not isinstance(patterns, LocatedList) or not all(isinstance(p, str) for p in patterns):
        raise BundleError("'include' has to be a list of paths.", tree.locations["include"])
    return zip(patterns, patterns.locations, strict=True)


def _find_included(pattern: str, location: Location, root: Path, sources: list[Path]) -> list[Path]:
    if not pattern or Path(pattern).is_absolute():
        raise BundleError(f"{pattern!r} has to be a path beside this file.", location)
    # A file that is added later changes its folder.
    sources += _find_folders(pattern, root)
    # As in the CLI, a double star means the same as a star.
    files = [root / each for each in glob.glob(pattern, root_dir=root)]
    if not files and not any(sign in pattern for sign in _WILDCARDS):
        raise BundleError(
            f"There is no file {pattern!r} to include. Create it, with the script that writes it "
            "if there is one, or leave it out of 'include'.",
            location,
        )
    return sorted(Path(os.path.normpath(each)) for each in files)


def _find_folders(pattern: str, root: Path) -> list[Path]:
    """Return the folders in which a match of a pattern may yet appear.

    These are the matches of each part of the path. The last part without a wildcard counts even if
    it does not exist.
    """
    folders = [root]
    *above, _ = Path(pattern).parts
    for length in range(1, len(above) + 1):
        part = str(Path(*above[:length]))
        if any(sign in part for sign in _WILDCARDS):
            matches = (root / each for each in glob.glob(part, root_dir=root))
            folders += [each for each in matches if each.is_dir()]
        else:
            folders[0] = root / part
    return folders


def _check_suffix(file: Path, pattern: str, location: Location) -> None:
    if file.suffix not in _SUFFIXES:
        raise BundleError(
            f"{pattern!r} includes {file.name}, which is neither YAML nor JSON. Name files to copy "
            "under 'sync.include'.",
            location,
        )


def _check_new_jobs(tree: LocatedDict, document: LocatedDict, root: Path) -> None:
    defined = _job_locations(tree)
    for key, location in _job_locations(document).items():
        if key in defined:
            file, line = defined[key]
            name = display_path(file, root)
            raise BundleError(f"The job {key!r} is already defined in {name}:{line}.", location)


def _job_locations(tree: LocatedDict) -> dict[str, Location]:
    resources = tree.get("resources")
    jobs = resources.get("jobs") if isinstance(resources, LocatedDict) else None
    return jobs.locations if isinstance(jobs, LocatedDict) else {}


def _as_mapping(content: Any, file: Path) -> LocatedDict:
    if not isinstance(content, LocatedDict):
        message = "The file has to hold a mapping with 'bundle' and 'resources'."
        raise BundleError(message, (file, 1))
    return content


def _read(file: Path, warn: Warn) -> Any:
    if os.path.exists(file) and not os.path.isfile(file):  # a pipe might never end
        raise BundleError("It is no regular file. Put a file with text there.", (file, 0))
    try:
        return load_yaml(file, warn)
    except FileNotFoundError:
        raise BundleError(f"There is no such file in {file.parent}.", (file, 0)) from None
    except (OSError, UnicodeError) as error:
        raise BundleError(f"The file cannot be read: {error}.", (file, 0)) from None
    except yaml.reader.ReaderError as error:
        line = file.read_bytes()[: error.position].count(b"\n") + 1
        advice = "Save it as UTF-8, without control characters."
        raise BundleError(f"The file is not text: {error.reason}. {advice}", (file, line)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 0
        advice = f" {_YAML_ADVICE[problem]}." if problem in _YAML_ADVICE else ""
        raise BundleError(f"The file is not valid YAML: {problem}.{advice}", (file, line)) from None
