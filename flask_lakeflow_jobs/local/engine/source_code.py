"""The code of files and notebooks, read without running it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ..lakeflow_child.notebook_files import JUPYTER_SUFFIX, find_notebook_file

_RUN = re.compile(
    r"^(?:# MAGIC )?[ \t]*%run[ \t]+[\"']?([^\s\"']+)"
    r"|\bdbutils\.notebook\.run\(\s*[\"']([^\"']+)[\"']",
    re.MULTILINE,
)


def read_code(file: Path) -> str:
    """Return the code of a file or a notebook; empty if it cannot be read, which its task says."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        if file.suffix != JUPYTER_SUFFIX:
            return text
        cells = [each for each in json.loads(text)["cells"] if each["cell_type"] == "code"]
        return "\n".join("".join(each["source"]) for each in cells)
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def find_included(code: str, file: Path) -> Iterator[Path]:
    """Yield the notebooks that a notebook runs in its own process."""
    for match in _RUN.finditer(code):
        if (included := find_notebook_file(file.parent / (match[1] or match[2]))) is not None:
            yield Path(included)
