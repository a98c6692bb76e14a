"""Notebooks as clients upload and download them: as source or for Jupyter."""

from __future__ import annotations

import json
import os
from typing import Any

from ..task_process.notebook_files import (
    JUPYTER_SUFFIX,
    MARKDOWN,
    SOURCES,
    TITLE,
    find_jupyter_language,
    is_notebook,
    join_source,
    read_cells,
)

_SUFFIXES = {language.upper(): suffix for suffix, (language, _) in SOURCES.items()}
LANGUAGES = tuple(_SUFFIXES)


def language_of(name: str, content: bytes) -> str:
    """Return the language of a notebook, such as ``PYTHON``."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in SOURCES:
        return SOURCES[suffix][0].upper()
    try:
        return find_jupyter_language(json.loads(content)).upper()
    except (ValueError, RecursionError):
        return "PYTHON"


def to_source(content: bytes, language: str) -> tuple[str, bytes]:
    """Return the suffix of a source notebook, and its content with the title that it needs."""
    suffix = _SUFFIXES[language]
    if is_notebook(f"notebook{suffix}", content):
        return suffix, content
    return suffix, f"{SOURCES[suffix][1]}{TITLE}\n".encode() + content


def is_jupyter(content: bytes) -> bool:
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return isinstance(cells, list) and all(isinstance(each, dict) for each in cells)


def from_jupyter(content: bytes) -> bytes:
    """Convert a Jupyter notebook to a source notebook of its language."""
    comment = SOURCES[_SUFFIXES[language_of(JUPYTER_SUFFIX, content)]][1]
    cells = read_cells(f"notebook{JUPYTER_SUFFIX}", content.decode("utf-8-sig"))
    # JSON may spell half of a character, which no file can have.
    return join_source((cell.text for cell in cells), comment).encode(errors="replace")


def to_jupyter(content: bytes, language: str) -> bytes:
    """Convert a source notebook to a Jupyter notebook."""
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    cells = read_cells(f"notebook{_SUFFIXES[language]}", text)
    notebook = {
        "cells": [_to_jupyter_cell(cell.text.strip("\n")) for cell in cells],
        "metadata": {
            "application/vnd.databricks.v1+notebook": {"language": language.lower()},
            "language_info": {"name": language.lower()},
        },
        "nbformat": 4,
        "nbformat_minor": 0,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def _to_jupyter_cell(text: str) -> dict[str, Any]:
    kind, _, markdown = text.partition("\n")
    if kind.strip() == MARKDOWN:
        return {"cell_type": "markdown", "metadata": {}, "source": markdown.splitlines(True)}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(True),
    }
