"""The code blocks of the book: found, and told apart by what the text says of them.

A comment on the line before a block says more of it: ``<!-- file: app.py -->``, that it is a file
beside the page's others; ``<!-- run -->``, that it is run there, in a process of its own;
``<!-- printed -->``, that the run before it printed these lines, with ``…`` for what differs;
``<!-- needs: flask_wtf -->``, that it runs only where that module is installed.
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

    :param page: its path from the project's root.
    :param line: where its text begins, counted from 1.
    :param language: as the fence names it.
    :param mark: what the comment before it says; empty without one.
    :param text: what stands in it.
    """

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def file(self) -> str | None:
        """The name of the file that it is, if it is one."""
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else None

    @property
    def is_run(self) -> bool:
        """Whether it is run in a process of its own."""
        return self.mark == "run"

    @property
    def can_run(self) -> bool:
        """Whether the module that it needs is there, if it needs one."""
        return not self.mark.startswith("needs: ") or find_spec(self.mark[7:]) is not None

    @property
    def is_printed(self) -> bool:
        """Whether it is what the run before it printed."""
        return self.mark == "printed"

    @property
    def pattern(self) -> str:
        """What its lines match."""
        return "^" + re.escape(self.text.strip()).replace("…", ".*") + "$"

    @property
    def commands(self) -> list[str]:
        """Its lines, those that a backslash continues put together, without comments."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line and not line.startswith("#")]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_in(text: str, page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order.

    :param text: the page, in Markdown.
    :param page: its name.
    """
    for found in _FENCE.finditer(text):
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            mark=found["mark"] or "",
            text=found["text"],
        )


def pages() -> list[Path]:
    """All pages that show code."""
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs]


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of the whole book.

    :param languages: of these languages only.
    """
    return [
        block
        for page in pages()
        for block in blocks_in(page.read_text(), page.relative_to(ROOT).as_posix())
        if block.language in languages
    ]
