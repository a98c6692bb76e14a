"""Notebooks and the files that hold them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_TITLE = " Databricks notebook source"
_SEPARATOR = " COMMAND ----------"

#: The language and the comment of each suffix of a source notebook.
_SOURCES = {
    ".py": ("PYTHON", "#"),
    ".sql": ("SQL", "--"),
    ".r": ("R", "#"),
    ".scala": ("SCALA", "//"),
}
_SUFFIXES = {language: suffix for suffix, (language, _) in _SOURCES.items()}
LANGUAGES = tuple(_SUFFIXES)
JUPYTER_SUFFIX = ".ipynb"
#: The suffixes of the files of notebooks. A notebook's path in the workspace lacks them.
SUFFIXES = (*_SOURCES, JUPYTER_SUFFIX)
#: The bytes at the beginning of a file that tell whether it is a notebook.
HEAD_BYTES = 64


def is_notebook(name: str, head: bytes) -> bool:
    """Return whether a file is a notebook.

    :param head: its first :data:`HEAD_BYTES` bytes at least.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix == JUPYTER_SUFFIX:
        return head.lstrip()[:1] == b"{"
    if suffix not in _SOURCES:
        return False
    title = (_SOURCES[suffix][1] + _TITLE).encode()
    return head.removeprefix(b"\xef\xbb\xbf").startswith(title)


def is_notebook_file(file: Path) -> bool:
    """Return whether a file of this machine exists and is a notebook."""
    if not file.name.lower().endswith(SUFFIXES):
        return False
    try:
        if not file.is_file():  # a pipe could be opened by two only
            return False
        with open(file, "rb") as opened:
            return is_notebook(file.name, opened.read(HEAD_BYTES))
    except OSError:
        return False


def find_notebook_file(path: Path) -> Path | None:
    """Return the file of a notebook whose path may lack its suffix.

    As in the workspace, a file without the header of a notebook comes after the notebook of the
    same name. It is returned if there is no notebook, for the task to say what is wrong with it.
    """
    if path.is_file():
        return path
    named = (path.with_name(path.name + suffix) for suffix in (*SUFFIXES, ".R"))
    files = [each for each in named if each.is_file()]
    return next(filter(is_notebook_file, files), next(iter(files), None))


def language_of(name: str, content: bytes) -> str:
    """Return the language of a notebook, such as ``PYTHON``."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _SOURCES:
        return _SOURCES[suffix][0]
    try:
        metadata = json.loads(content)["metadata"]
        own = metadata.get("application/vnd.databricks.v1+notebook") or {}
        language = own.get("language") or metadata["language_info"]["name"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "PYTHON"
    return language.upper() if str(language).upper() in LANGUAGES else "PYTHON"


def to_source(content: bytes, language: str) -> tuple[str, bytes]:
    """Return the suffix of a source notebook, and its content with the title that it needs."""
    suffix = _SUFFIXES[language]
    if is_notebook(f"notebook{suffix}", content):
        return suffix, content
    return suffix, f"{_SOURCES[suffix][1]}{_TITLE}\n".encode() + content


def is_jupyter(content: bytes) -> bool:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return False
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return isinstance(cells, list) and all(isinstance(each, dict) for each in cells)


def from_jupyter(content: bytes) -> bytes:
    """Convert a Jupyter notebook to a source notebook of its language."""
    language = language_of(JUPYTER_SUFFIX, content)
    comment = _SOURCES[_SUFFIXES[language]][1]
    cells = [_to_cell_source(cell, comment) for cell in json.loads(content)["cells"]]
    separator = f"\n\n{comment}{_SEPARATOR}\n\n"
    # JSON may spell half of a character, which no file can have.
    return f"{comment}{_TITLE}\n{separator.join(cells)}\n".encode(errors="replace")


def to_jupyter(content: bytes, language: str) -> bytes:
    """Convert a source notebook to a Jupyter notebook."""
    comment = _SOURCES[_SUFFIXES[language]][1]
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    cells: list[list[str]] = [[]]
    for line in text.split("\n")[1:]:
        if line.strip() == comment + _SEPARATOR:
            cells.append([])
        else:
            cells[-1].append(line)
    notebook = {
        "cells": [_to_jupyter_cell("\n".join(lines).strip("\n"), comment) for lines in cells],
        "metadata": {
            "application/vnd.databricks.v1+notebook": {"language": language.lower()},
            "language_info": {"name": language.lower()},
        },
        "nbformat": 4,
        "nbformat_minor": 0,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def _to_cell_source(cell: dict[str, Any], comment: str) -> str:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if cell.get("cell_type") == "markdown":
        text = f"%md\n{text}"
    if not text.lstrip().startswith("%"):
        return text
    return "\n".join(f"{comment} MAGIC {line}".rstrip() for line in text.split("\n"))


def _to_jupyter_cell(text: str, comment: str) -> dict[str, Any]:
    mark = f"{comment} MAGIC"
    if text.startswith(mark):
        lines = text.split("\n")
        text = "\n".join(line.removeprefix(mark).removeprefix(" ") for line in lines)
    kind, _, markdown = text.partition("\n")
    if kind.strip() == "%md":
        return {"cell_type": "markdown", "metadata": {}, "source": markdown.splitlines(True)}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(True),
    }
