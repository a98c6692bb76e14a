"""The files of notebooks: their suffixes, their first line, and how their paths lead to them."""

from __future__ import annotations

import os

from .paths import to_local_path

TITLE = " Databricks notebook source"
SEPARATOR = " COMMAND ----------"

#: The language and the start of a comment, by the suffix of a source notebook.
SOURCES = {
    ".py": ("python", "#"),
    ".sql": ("sql", "--"),
    ".r": ("r", "#"),
    ".scala": ("scala", "//"),
}
JUPYTER_SUFFIX = ".ipynb"
#: The suffixes of the files of notebooks. A notebook's path in the workspace lacks them.
SUFFIXES = (*SOURCES, JUPYTER_SUFFIX)
#: The bytes at the beginning of a file that tell whether it is a notebook.
HEAD_BYTES = 64


def is_notebook(name: str, head: bytes) -> bool:
    """Return whether a file is a notebook.

    :param head: its first :data:`HEAD_BYTES` bytes at least.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix == JUPYTER_SUFFIX:
        return head.lstrip()[:1] == b"{"
    if suffix not in SOURCES:
        return False
    title = (SOURCES[suffix][1] + TITLE).encode()
    return head.removeprefix(b"\xef\xbb\xbf").startswith(title)


def is_notebook_file(file: str | os.PathLike[str]) -> bool:
    """Return whether a file of this machine exists and is a notebook."""
    name = os.path.basename(file)
    if not name.lower().endswith(SUFFIXES):
        return False
    try:
        if not os.path.isfile(file):  # a pipe could be opened by two only
            return False
        with open(file, "rb") as opened:
            return is_notebook(name, opened.read(HEAD_BYTES))
    except OSError:
        return False


def find_notebook_file(path: str | os.PathLike[str]) -> str | None:
    """Return the file of a notebook whose path may lack its suffix.

    As in the workspace, a file without the header of a notebook comes after the notebook of the
    same name. It is returned if there is no notebook, for the task to say what is wrong with it.
    """
    if os.path.isfile(path):
        return os.fspath(path)
    names = [f"{path}{suffix}" for suffix in (*SUFFIXES, ".R")]
    files = [name for name in names if os.path.isfile(name)]
    return next(filter(is_notebook_file, files), next(iter(files), None))


def find_notebook(caller: str, path: str, mounts: dict[str, str]) -> str:
    """Find the file of a notebook that another one names.

    :param caller: the notebook that a relative path starts from.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), to_local_path(path, mounts)))
    if (file := find_notebook_file(base)) is None:
        raise FileNotFoundError(f"There is no notebook {path!r} (expected at {base}).")
    return file
