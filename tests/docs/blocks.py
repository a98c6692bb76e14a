"""The code blocks of the documentation.

A comment on the line before a block classifies it: ``<!-- file: app.py -->`` is a file in the
page's folder; ``<!-- run -->`` runs there in its own process; ``<!-- printed -->`` is the output of
the run before it, where ``…`` matches any text; ``<!-- needs: flask_wtf -->`` runs only if that
module is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?(?P<ticks>`{3,})(?P<language>[\w-]*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=ticks)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    :param page: path relative to the project's root.
    :param line: first line of the text, counted from 1.
    :param mark: the comment before the block; empty without one.
    """

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that the block contains, if any."""
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else None

    @property
    def is_run(self) -> bool:
        """True if the block runs in its own process."""
        return self.mark == "run"

    @property
    def can_run(self) -> bool:
        """True if the module that the block needs, if any, is installed."""
        return not self.mark.startswith("needs: ") or find_spec(self.mark[7:]) is not None

    @property
    def is_printed(self) -> bool:
        """True if the block is the output of the run before it."""
        return self.mark == "printed"

    @property
    def pattern(self) -> str:
        """A regular expression for the output."""
        return "^" + re.escape(self.text.strip()).replace("…", ".*") + "$"

    @property
    def commands(self) -> list[str]:
        """The lines without comments, with continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line and not line.startswith("#")]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_in(text: str, page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in Markdown, in order."""
    for found in _FENCE.finditer(text):
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            mark=found["mark"] or "",
            text=found["text"],
        )


def pages() -> list[Path]:
    """Return all pages with code."""
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs]


def all_blocks(*languages: str) -> list[Block]:
    """Return all blocks of the documentation in these languages."""
    return [
        block
        for page in pages()
        for block in blocks_in(page.read_text(), page.relative_to(ROOT).as_posix())
        if block.language in languages
    ]
