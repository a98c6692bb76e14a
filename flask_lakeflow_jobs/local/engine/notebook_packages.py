"""The packages that notebooks install themselves, by ``%pip install``."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..lakeflow_child.notebook_files import is_notebook_file
from .packages import Requirements
from .source_code import find_included, read_code

# IPython takes a line that begins with the name of a magic for one.
_INSTALL = re.compile(
    r"^(?:(?:# MAGIC )?[ \t]*%(?:uv )?pip install|pip install)\b(.*)$", re.MULTILINE
)
_CONTINUED = re.compile(r"\\\n(?:# MAGIC)?")
_FILE_OPTIONS = ("-r", "--requirement")
_INDEX_OPTIONS = ("--index-url", "--extra-index-url", "--find-links")
_SKIPPED_OPTIONS = ("-c", "--constraint", "-e", "--editable", "-t", "--target", "--trusted-host")
# A path, or a text of Python that only the run of the notebook knows.
_NO_PACKAGE = re.compile(r"[-./~$\\]|.*[{}$]|.*\.(?:whl|tar\.gz|zip)$|\w+:")


def list_notebook_requirements(notebooks: Iterable[str]) -> Requirements:
    """List the packages that notebooks install, and those that they run."""
    packages: list[str] = []
    files: list[str] = []
    options: list[str] = []
    for notebook, code in _read_all(notebooks):
        for words in _split_commands(code):
            pending = iter(words)
            for word in pending:
                option, _, value = word.partition("=")
                if option in (*_FILE_OPTIONS, *_INDEX_OPTIONS, *_SKIPPED_OPTIONS):
                    value = value or next(pending, "")
                    if option in _FILE_OPTIONS and not re.search(r"[{}$]", value):
                        files.append(str(notebook.parent / value))
                    elif option in _INDEX_OPTIONS:
                        options.append(f"{option}={value}")
                elif not _NO_PACKAGE.match(word):
                    packages.append(word)
    return Requirements(tuple(packages), tuple(files), tuple(dict.fromkeys(options)))


def _read_all(notebooks: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield each notebook and all that they run, once, with its code."""
    visited: set[Path] = set()
    pending = [*map(Path, notebooks)]
    while pending:
        notebook = Path(os.path.normpath(pending.pop(0)))
        if notebook not in visited and is_notebook_file(notebook):
            visited.add(notebook)
            code = read_code(notebook)
            yield notebook, code
            pending += find_included(code, notebook)


def _split_commands(code: str) -> Iterator[list[str]]:
    """Yield the words after each ``%pip install``."""
    for match in _INSTALL.finditer(_CONTINUED.sub(" ", code)):
        try:
            yield shlex.split(match[1], comments=True)
        except ValueError:  # a quote without an end, which pip would refuse
            continue
