"""SQL statements of a file or a cell, and the table that a query returns. Pure."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
#: The parts of SQL that are translated. Texts, quoted names, comments and casts come first: colons
#: and braces in them mark no parameter.
TOKENS = re.compile(
    r"(?P<clock>\b(?i:current_(?:date|timestamp)))\s*\(\s*\)"
    r"|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?<![\w:]):(?P<named>[A-Za-z_]\w*)"
    r"|\{\{\s*(?P<braced>[A-Za-z_]\w*)\s*\}\}",
    re.DOTALL,
)
_STATEMENT_END = re.compile(TOKENS.pattern + r"|(?P<end>;)", re.DOTALL)
#: Rows of a SQL task for other tasks. Databricks, documentation of dynamic value references.
MAX_ROWS = 1000


class ResultTable:
    """The result of a statement."""

    def __init__(self, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.rows = rows

    def print(self) -> None:
        """Print the columns separated by tabs."""
        print(*self.columns, sep="\t")
        for row in self.rows:
            print(*row, sep="\t")

    def to_query_result(self) -> dict[str, Any]:
        """Return the columns and the first rows as texts; ``None`` is NULL."""
        return {
            "columns": self.columns,
            "rows": [
                [None if value is None else str(value) for value in row]
                for row in self.rows[:MAX_ROWS]
            ],
            "truncated": len(self.rows) > MAX_ROWS,
        }

    def to_json(self) -> list[dict[str, Any]]:
        """Return the first rows with values that JSON can represent."""
        return [
            {name: _to_json(value) for name, value in zip(self.columns, row, strict=True)}
            for row in self.rows[:MAX_ROWS]
        ]


def split_statements(text: str) -> list[str]:
    """Split a text at the semicolons that end statements; drop empty statements."""
    statements = []
    start = 0
    for token in _STATEMENT_END.finditer(text):
        if token["end"]:
            statements.append(text[start : token.start()])
            start = token.end()
    return [each for each in (*statements, text[start:]) if remove_comments(each).strip()]


def remove_comments(statement: str) -> str:
    """Remove the comments from a statement."""
    return _COMMENT.sub("", statement)


def replace_braces(text: str) -> str:
    """Replace parameters such as ``{{name}}`` by ``:name``."""
    return TOKENS.sub(lambda token: f":{token['braced']}" if token["braced"] else token[0], text)


def _to_json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
