"""Tables in Markdown, and what docstrings say, for the generated parts of the documentation."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from typing import Any

_PARAM = re.compile(r"^:param (\w+): (.*?)(?=^:|^$|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """A table with cells in Markdown."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """Render the table in Markdown."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join(f"| {' | '.join(map(escape_cell, cells))} |" for cells in lines)


def escape_cell(cell: str) -> str:
    """Escape what would end a cell: newlines and pipes."""
    return " ".join(cell.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Format a value as code in Markdown."""
    return f"`{text}`"


def as_json(value: Any) -> str:
    """Format a value as JSON code; empty for ``None`` and ``{}``."""
    return "" if value in (None, {}) else code(json.dumps(value))


def summary_of(documented: object) -> str:
    """Return the first paragraph of an object's docstring, in Markdown."""
    return to_markdown((inspect.getdoc(documented) or "").split("\n\n")[0])


def params_of(documented: object) -> dict[str, str]:
    """Return the meanings of the parameters in an object's docstring, in Markdown."""
    found = _PARAM.findall(inspect.getdoc(documented) or "")
    return {name: sentence(to_markdown(meaning)) for name, meaning in found}


def to_markdown(text: str) -> str:
    """Convert a docstring: ``code`` in pairs of backticks, and roles without their modules."""
    text = re.sub(r":\w+:`[.~\w]*?(\w+)`", r"`\1`", text)
    return " ".join(text.replace("``", "`").split())


def sentence(text: str) -> str:
    """Begin a text with a capital letter and end it with a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
