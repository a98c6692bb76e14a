"""The messages that the page on troubleshooting quotes are those of the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs.blocks import ROOT, blocks_in

PAGE = "docs/guides/troubleshooting.md"

#: A quoted text with fewer words is a name or a value.
MIN_WORDS = 5

#: Messages of other programs.
FOREIGN = {
    "cannot configure default credentials",
    "has no … profile configured",
    "… does not have required scopes: jobs",
    "more than one authorization method configured: oauth and pat",
    "The CSRF token is missing.",
}


def texts_of_the_package() -> str:
    """All texts in the package's code, each in one line; placeholders end a text."""
    texts = [
        " ".join(node.value.split())
        for module in sorted((ROOT / "flask_lakeflow_jobs").rglob("*.py"))
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return "\n".join(texts)


def quoted_messages() -> Iterator[str]:
    """The blocks of text of the page, and the code of its tables that reads like a sentence."""
    page = (ROOT / PAGE).read_text()
    yield from (block.text for block in blocks_in(page, PAGE) if block.language == "text")
    for cell in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE):
        if len(cell.split()) >= MIN_WORDS and cell not in FOREIGN:
            yield cell


def test_quoted_messages_are_those_of_the_program() -> None:
    parts = [
        part.strip(" .'")
        for message in quoted_messages()
        for part in " ".join(message.split()).split("…")
    ]
    assert len(parts) > 40
    texts = texts_of_the_package()
    assert [part for part in parts if part not in texts] == []
