"""The packages that code imports because clusters of Databricks have them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..lakeflow_child.cluster_packages import find_package
from ..lakeflow_child.package_names import normalize_name
from .source_code import find_included, read_code

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b[ \t]*\(?([\w, \t]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_MAX_FILES = 100  # that are read, on the thread that starts tasks


def list_cluster_packages(
    files: Iterable[str], folders: Sequence[str], package: str, listed: Iterable[str]
) -> tuple[str, ...]:
    """List the packages of a cluster that code imports and that is not there otherwise.

    :param files: with the code of a task. Modules of the bundle that it imports are read too.
    :param folders: those from which tasks import.
    :param package: the one in these folders that a task runs; empty for none.
    :param listed: the packages that the task lists itself.
    """
    found: dict[str, None] = {}
    visited: set[Path] = set()
    pending = [*map(Path, files), *_list_files(package.replace("-", "_"), folders)]
    while pending and len(visited) < _MAX_FILES:
        file = pending.pop(0)
        if file in visited:
            continue
        visited.add(file)
        code = read_code(file)
        pending += find_included(code, file)
        for module in _list_imports(code):
            own = _find_own_files(module, file.parent, folders)
            pending += own
            missing = None if own else _find_missing(module)
            if missing:
                found[missing] = None
    # A part of a package, such as mlflow-skinny, has its module too.
    names = tuple(f"{normalize_name(each)}-" for each in listed)
    return tuple(
        each
        for each in found
        if not any(name.startswith(f"{normalize_name(each)}-") for name in names)
    )


def _list_files(package: str, folders: Sequence[str]) -> list[Path]:
    return sorted(each for base in folders if package for each in Path(base, package).rglob("*.py"))


def _list_imports(code: str) -> Iterator[str]:
    """Yield the names of imported modules, and names from them that may be modules."""
    for source, names, modules in _IMPORT.findall(code):
        if source:
            yield source
        prefix = source if source.endswith(".") or not source else f"{source}."
        yield from (
            prefix + each.split()[0] for each in (names or modules).split(",") if each.strip()
        )


def _find_own_files(module: str, folder: Path, folders: Sequence[str]) -> list[Path]:
    """Return the files of the bundle that a module, or the one that it is in, consists of.

    :param folder: of the file that imports it.
    """
    name = module.lstrip(".")
    above = len(module) - len(name)
    bases = [folder.joinpath(*[".."] * (above - 1))] if above else [folder, *map(Path, folders)]
    for parts in (name.split("."), name.split(".")[:-1]):
        for base in bases if any(parts) else ():
            path = base.joinpath(*parts)
            files = [path.with_suffix(".py"), path / "__init__.py", *path.glob("*.py")]
            if found := [each for each in files if each.is_file()]:
                # Without __init__.py, any file of the folder may be meant.
                return found[:1] if found[0] in files[:2] else found
    return []


def _find_missing(module: str) -> str | None:
    """Return the package of a module, unless it is installed or of no cluster."""
    if (found := find_package(module)) is None:
        return None
    name, package = found
    try:
        # It imports the namespaces above the name, but no code of the package.
        return None if importlib.util.find_spec(name) else package
    except (ImportError, ValueError):
        return package
