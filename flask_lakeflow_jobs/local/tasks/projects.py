"""The Python projects of a bundle, of which a deployment builds wheels, and their dependencies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ..task_process import package_names
from ..task_process.package_names import PROJECT_FILES, normalize_name, package_of
from ..task_process.project_metadata import read_project_files

# Every cluster has its own versions. Here, another pyspark would hide that of the session.
# And dbt's adapter for Databricks is replaced by that for DuckDB.
_OF_A_CLUSTER = frozenset(
    [
        "databricks-connect",
        "databricks-dlt",
        "dbt-databricks",
        "delta-spark",
        "pyarrow",  # pyspark refuses those that are too old
        "pyspark",
        "pyspark-client",
    ]
)
_CARET = re.compile(r"\^\s*(\d+(?:\.\d+)*)$")
# The folder of the packages of a project, as setup.py, setup.cfg and pyproject.toml give it.
_PACKAGE_FOLDER = re.compile(r"""package[_-]dir\W*?(?:["']{2}|\n\s*)\s*[:=]\s*["']?([\w.-]+)""")
# Fields of a package that Poetry takes from elsewhere.
_ELSEWHERE = frozenset(["file", "git", "path", "source", "url"])


def is_project(folder: Path) -> bool:
    """Return whether a folder has the files of a project."""
    return any((folder / name).is_file() for name in PROJECT_FILES)


def declares_package(project: Path, name: str) -> bool:
    """Return whether a project is that of a package."""
    return any(package_names.declares(text, name) for text in read_project_files(str(project)))


def find_package_folders(project: Path) -> list[Path]:
    """Return the folders of a project that may contain its packages."""
    found = map(_PACKAGE_FOLDER.search, read_project_files(str(project)))
    declared = [match[1] for match in found if match]
    folders = [*(project / each for each in declared), project / "src", project]
    return [each for each in dict.fromkeys(folders) if each.is_dir()]


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
    """Return the packages that a project requires, as ``pip install`` takes them.

    Those that the project computes are not among them, nor those with a source of their own: the
    package index may have others of the same name. Reading TOML needs Python 3.11.
    """
    found = [*_read_pyproject(project / "pyproject.toml"), *_read_setup(project / "setup.py")]
    return tuple(dict.fromkeys(found))


def _read_pyproject(file: Path) -> Iterator[str]:
    with suppress(ImportError, ValueError):  # the build of the wheel would say what is wrong
        tomllib: Any = import_module("tomllib")
        content = tomllib.loads(_read(file))
        tool = _section(content, "tool")
        sources = {normalize_name(each) for each in _section(_section(tool, "uv"), "sources")}
        for dependency in _texts(_section(content, "project").get("dependencies")):
            if normalize_name(dependency) not in sources:
                yield dependency
        poetry = _section(_section(tool, "poetry"), "dependencies")
        for name, version in poetry.items():
            if isinstance(version, Mapping):
                if version.get("optional") or _ELSEWHERE & version.keys():
                    continue
                version = version.get("version", "")
            if name != "python" and isinstance(version, str):
                yield name + _convert_version(version)


def _convert_version(version: str) -> str:
    """Convert a version of Poetry: ``^1.2`` to ``>=1.2,<2``, and ``1.2`` to ``==1.2``.

    A caret lets all numbers change behind the first one that is not 0.
    """
    version = version.strip()
    if match := _CARET.match(version):
        parts = match[1].split(".")
        kept = next((each for each, part in enumerate(parts) if int(part)), len(parts) - 1)
        following = [*parts[:kept], str(int(parts[kept]) + 1)]
        return f">={match[1]},<{'.'.join(following)}"
    if re.fullmatch(r"\d\w*(\.\w+)*(\.\*)?", version):
        return f"=={version}"
    return version if re.match(r"(==|!=|<=?|>=?|~=)\s*\d", version) else ""


def _read_setup(file: Path) -> Iterator[str]:
    with suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(_read(file))):
            if isinstance(node, ast.keyword) and node.arg == "install_requires":
                yield from _texts(ast.literal_eval(node.value))


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
