"""The Python projects of a bundle, of which a deployment builds wheels, and their dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ..task_process.project_metadata import (
    PROJECT_FILES,
    declares,
    normalize_name,
    package_of,
    read_project_files,
)

# Every cluster has its own versions. Here, another pyspark would hide that of the session.
_OF_A_CLUSTER = frozenset(
    ["databricks-connect", "databricks-dlt", "delta-spark", "pyspark", "pyspark-client"]
)


def is_project(folder: Path) -> bool:
    """Return whether a folder has the files of a project."""
    return any((folder / name).is_file() for name in PROJECT_FILES)


def declares_package(project: Path, name: str) -> bool:
    """Return whether a project is that of a package."""
    return any(declares(text, name) for text in read_project_files(str(project)))


def find_package_folders(project: Path) -> list[Path]:
    """Return the folders of a project that may contain its packages."""
    folders = (project / "src", project)
    return [each for each in folders if each.is_dir()]


def list_dependencies(projects: Iterable[Path], own: Iterable[Path]) -> Iterator[str]:
    """Yield the packages that projects require and that have to be installed.

    :param own: the projects of the bundle, which are imported from their sources.
    """
    for dependency in (each for project in projects for each in read_dependencies(project)):
        name = package_of(dependency)
        is_own = any(declares_package(project, name) for project in own)
        if not is_own and not is_of_a_cluster(dependency):
            yield dependency


def is_of_a_cluster(dependency: str) -> bool:
    """Return whether every cluster has its own version of a package."""
    return normalize_name(dependency) in _OF_A_CLUSTER


def read_dependencies(project: Path) -> tuple[str, ...]:
    """Return the packages that the ``pyproject.toml`` of a project requires.

    Those with a source of their own are not among them: the package index may have others of the
    same name. Reading TOML needs Python 3.11.
    """
    with suppress(ImportError, ValueError):  # the build of the wheel would say what is wrong
        tomllib: Any = import_module("tomllib")
        content = tomllib.loads(_read(project / "pyproject.toml"))
        sources = _section(_section(_section(content, "tool"), "uv"), "sources")
        own = {normalize_name(each) for each in sources}
        listed = _texts(_section(content, "project").get("dependencies"))
        return tuple(each for each in listed if normalize_name(each) not in own)
    return ()


def _section(content: Any, key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
