"""The files that the Python code of a bundle consists of, found without running it."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

#: Python finds the modules of a bundle in its folder, and those of its own package often below src.
SOURCE_FOLDERS = ("", "src")
_MAX_MODULES = 1000
_OUTSIDE = sys.stdlib_module_names | {"databricks"}


def find_python_sources(root: Path, modules: Sequence[str]) -> Iterator[Path]:
    """Yield the files and folders that hold modules, or in which one may yet appear.

    These are the modules that the bundle names, the ones in their packages, and all that they
    import from the bundle.

    :param root: the bundle's folder.
    :param modules: the names of modules.
    """
    visited: set[str] = set()
    pending = list(modules)
    while pending and len(visited) < _MAX_MODULES:
        name = pending.pop(0)
        if name in visited:
            continue
        visited.add(name)
        package = name.rpartition(".")[0]
        if package:  # Python runs its code too
            pending.append(package)
        for base in SOURCE_FOLDERS:
            path = root.joinpath(base, *name.split("."))
            for each, own_package in (
                (path, ""),
                (path.with_suffix(".py"), package),
                (path / "__init__.py", name),
            ):
                if each.exists() or name in modules or not package:
                    yield each
                pending += _find_imports(each, own_package)
            if name in modules:
                pending += _list_modules(path, name)


def _list_modules(folder: Path, package: str) -> Iterator[str]:
    """Yield the names of all modules in a package: some functions load all of them."""
    for inner, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each.isidentifier() and each[:2] != "__")
        parts = Path(inner).relative_to(folder).parts
        for each in (*folders, *(file[:-3] for file in sorted(files) if file.endswith(".py"))):
            yield ".".join([package, *parts, each])


def _find_imports(file: Path, package: str) -> list[str]:
    """Return the modules that a file imports, and names from them that may be modules.

    :param package: that of the file.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):  # the run tells the error
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            names += [module, *(f"{module}.{each.name}" for each in node.names)]
    names = [name.strip(".") for name in names]
    return [name for name in names if name and name.partition(".")[0] not in _OUTSIDE]
