"""The packages that the code of a task needs, found without running it.

Notebooks install packages themselves, by ``%pip install``. Other code relies on the packages that
clusters of Databricks have.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from ..bundle.paths import translate_dependency
from ..task_process.notebook_files import (
    JUPYTER_SUFFIX,
    find_notebook_file,
    is_notebook,
    is_notebook_file,
    read_cells,
)
from ..task_process.package_names import IMPLIED_MODULES, find_package, normalize_name
from .packages import INDEX_OPTIONS, Requirements

# IPython takes a line that begins with the name of a magic for one.
_INSTALL = re.compile(r"^(?:[ \t]*[%!](?:uv )?pip install|pip install)\b(.*)$", re.MULTILINE)
_FILE_OPTIONS = ("-r", "--requirement")
# Each has a value, which is no package.
_SKIPPED_OPTIONS = (
    *("-c", "--constraint", "-e", "--editable", "-t", "--target", "--trusted-host"),
    *("--only-binary", "--no-binary", "--progress-bar", "--retries", "--timeout"),
    "--upgrade-strategy",
)
# A path, or a text of Python that only the run of the notebook knows.
_NO_PACKAGE = re.compile(r"[-./~$\\]|.*[{}$]|.*\.(?:whl|tar\.gz|zip)$|\w+:")
# A variable in a command of a notebook.
_COMPUTED = re.compile(r"[{}$]")
# The path of a wheel, or a variable whose name says that it is one, such as {wheel_path}.
_WHEEL = re.compile(r"^(?!\w+://).*\.whl$|[{$].*wh(?:ee)?l", re.IGNORECASE)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b[ \t]*\(?([\w, \t]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
# Magics of cells that import and install nothing for a notebook.
_OTHER_LANGUAGES = ("md", "md-sandbox", "html", "skip", "sql", "r", "scala", "sh", "bash", "fs")
_MAX_FILES = 100  # that are read, on the thread that starts tasks
_RUN = re.compile(
    r"^[ \t]*%run[ \t]+[\"']?([^\s\"']+)"
    r"|\bdbutils\.notebook\.run\(\s*[\"']([^\"']+)[\"']",
    re.MULTILINE,
)
# The comments at the top of a source notebook that say what its environment is, as TOML.
_ENVIRONMENT = re.compile(r"^(#|--) /// script\n((?:\1.*\n)*?)\1 ///$", re.MULTILINE)


def read_notebook_environment(notebook: Path) -> list[str]:
    """Return the dependencies of the environment that a notebook keeps in its file.

    Databricks, documentation of serverless notebooks. Reading those of a source notebook needs
    Python 3.11.
    """
    try:
        text = notebook.read_text(encoding="utf-8-sig", errors="replace")
        if notebook.suffix.lower() == JUPYTER_SUFFIX:
            own = json.loads(text)["metadata"]["application/vnd.databricks.v1+notebook"]
            environment = own["environmentMetadata"]
        else:
            comment, lines = next(_ENVIRONMENT.finditer(text)).groups()
            tomllib: Any = import_module("tomllib")
            content = tomllib.loads(re.sub(rf"^{comment} ?", "", lines, flags=re.MULTILINE))
            environment = content["tool"]["databricks"]["environment"]
        found = [each for each in environment["dependencies"] if isinstance(each, str)]
    except (ImportError, LookupError, OSError, StopIteration, TypeError, ValueError):
        return []
    return [
        translate_dependency(each.strip(), lambda path: os.path.normpath(notebook.parent / path))
        for each in found
    ]


def list_notebook_requirements(notebooks: Iterable[str]) -> Requirements:
    """List the packages that notebooks install, and those that they run.

    A path of a file begins in the folder of the notebook, also in those that it reads by ``%run``.
    """
    packages: list[str] = []
    files: list[str] = []
    options: list[str] = []
    for folder, code in _read_all(notebooks):
        for words in _split_commands(code):
            pending = iter(words)
            for word in pending:
                option, _, value = word.partition("=")
                if option in (*_FILE_OPTIONS, *INDEX_OPTIONS, *_SKIPPED_OPTIONS):
                    value = value or next(pending, "")
                    if option in _FILE_OPTIONS and not _COMPUTED.search(value):
                        files.append(str(folder / value))
                    elif option in INDEX_OPTIONS:
                        options.append(f"{INDEX_OPTIONS[option]}={value}")
                elif not _NO_PACKAGE.match(word):
                    packages.append(word)
    return Requirements(tuple(packages), tuple(files), tuple(dict.fromkeys(options)))


def list_notebook_wheels(notebooks: Iterable[str]) -> Iterator[str]:
    """Yield the paths of the wheels that notebooks install.

    Of a path with variables, it yields the name of the file, or ``*.whl`` if that has some too.
    """
    for folder, code in _read_all(notebooks):
        for word in filter(_WHEEL.search, chain.from_iterable(_split_commands(code))):
            name = os.path.basename(word)
            if not _COMPUTED.search(word):
                yield os.path.normpath(folder / word)
            else:
                yield "*.whl" if _COMPUTED.search(name) else name


def _read_all(notebooks: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield the code of each notebook and of all that they run, once, with its working folder."""
    visited: set[Path] = set()
    pending = [(Path(each).parent, Path(each)) for each in notebooks]
    while pending:
        folder, path = pending.pop(0)
        notebook = Path(os.path.normpath(path))
        if notebook not in visited and is_notebook_file(notebook):
            visited.add(notebook)
            code = _read_code(notebook)
            yield folder, code
            for each, is_inside in _find_included(code, notebook):
                pending.append((folder if is_inside else each.parent, each))


def _split_commands(code: str) -> Iterator[list[str]]:
    """Yield the words after each ``%pip install`` or ``!pip install``."""
    for match in _INSTALL.finditer(code.replace("\\\n", " ")):
        try:
            yield shlex.split(match[1], comments=True)
        except ValueError:  # a quote without an end, which pip would refuse
            continue


def list_cluster_packages(
    files: Iterable[str], folders: Sequence[str], package: str, listed: Iterable[str]
) -> tuple[str, ...]:
    """List the packages of a cluster that code imports and that are not there otherwise.

    :param files: with the code of a task. Modules of the bundle that it imports are read too.
    :param folders: those from which tasks import.
    :param package: the one in these folders that a task runs; empty for none.
    :param listed: the packages that the task lists itself.
    """
    names = [*map(normalize_name, listed)]
    implied = (module for each in names for module in IMPLIED_MODULES.get(each, ()))
    found = dict.fromkeys(filter(None, map(_find_missing, implied)))
    visited: set[Path] = set()
    pending = [*map(Path, files), *_list_files(package.replace("-", "_"), folders)]
    while pending and len(visited) < _MAX_FILES:
        file = pending.pop(0)
        if file in visited:
            continue
        visited.add(file)
        code = _read_code(file)
        pending += [each for each, _ in _find_included(code, file)]
        for module in _list_imports(code):
            own = _find_own_files(module, file.parent, folders)
            pending += own
            missing = None if own else _find_missing(module)
            if missing:
                found[missing] = None
    # A part of a package, such as mlflow-skinny, has its module too.
    return tuple(
        each
        for each in found
        if not any(f"{name}-".startswith(f"{normalize_name(each)}-") for name in names)
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
    if above:
        bases = [folder.joinpath(*[".."] * (above - 1))]
    else:  # code often adds src, or a folder above its own one, to the import path itself
        outer = (each for each in folder.parents if any(map(each.is_relative_to, folders)))
        bases = [folder, *outer, *map(Path, folders), *(Path(each, "src") for each in folders)]
    for parts in (name.split("."), name.split(".")[:-1]):
        for base in bases if any(parts) else ():
            path = base.joinpath(*parts)
            files = [path.with_suffix(".py"), path / "__init__.py", *path.glob("*.py")]
            if found := [each for each in files if each.is_file()]:
                outer = (base.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts)))
                # Without __init__.py, any file of the folder may be meant.
                inner = found[:1] if found[0] in files[:2] else found
                return [*filter(Path.is_file, outer), *inner]
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


def _read_code(file: Path) -> str:
    """Return the code of a file, or the cells of a notebook that may be in Python.

    It is empty if the file cannot be read, which its task says.
    """
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        if not is_notebook(file.name, text.encode()):
            return text
        cells = read_cells(file.name, text)
        return "\n".join(cell.text for cell in cells if cell.magic not in _OTHER_LANGUAGES)
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _find_included(code: str, file: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the notebooks that a notebook runs, and whether ``%run`` does: in its own folder."""
    for match in _RUN.finditer(code):
        if (included := find_notebook_file(file.parent / (match[1] or match[2]))) is not None:
            yield Path(included), bool(match[1])
