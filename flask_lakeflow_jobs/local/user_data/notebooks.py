"""Notebooks as clients upload and download them: as source or for Jupyter."""

from __future__ import annotations

import json
import os
from typing import Any

from ..lakeflow_child.notebook_files import (
    JUPYTER_SUFFIX,
    SEPARATOR,
    SOURCES,
    TITLE,
    is_notebook,
)

_SUFFIXES = {language.upper(): suffix for suffix, (language, _) in SOURCES.items()}
LANGUAGES = tuple(_SUFFIXES)


def language_of(name: str, content: bytes) -> str:
    """Return the language of a notebook, such as ``PYTHON``."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in SOURCES:
        return SOURCES[suffix][0].upper()
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
    return suffix, f"{SOURCES[suffix][1]}{TITLE}\n".encode() + content


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
    comment = SOURCES[_SUFFIXES[language]][1]
    cells = [_to_cell_source(cell, comment) for cell in json.loads(content)["cells"]]
    separator = f"\n\n{comment}{SEPARATOR}\n\n"
    # JSON may spell half of a character, which no file can have.
    return f"{comment}{TITLE}\n{separator.join(cells)}\n".encode(errors="replace")


def to_jupyter(content: bytes, language: str) -> bytes:
    """Convert a source notebook to a Jupyter notebook."""
    comment = SOURCES[_SUFFIXES[language]][1]
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    cells: list[list[str]] = [[]]
    for line in text.split("\n")[1:]:
        if line.strip() == comment + SEPARATOR:
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
