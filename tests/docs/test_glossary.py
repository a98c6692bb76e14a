"""The glossary is kept: identifiers use its words, and no name means two things."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: What two programs or interfaces have alike: the app and the local workspace, which is independent
#: of it, and pages and HTTP. ``progress.py`` is a file for the tasks of users.
SHARED_MODULE_NAMES = {
    "clock",
    "errors",
    "jobs",
    "logs",
    "pages",
    "paths",
    "permissions",
    "progress",
    "redaction",
    "runs",
    "secrets",
    "server",
    "session",
    "tables",
    "views",
}

#: Public names that mean the same in two programs, in pages and HTTP, or in two commands.
SHARED_NAMES = {
    "Clock",
    "Progress",
    "SystemClock",
    "cancel_run",
    "change_schedule",
    "list_jobs",
    "main",
    "repair_run",
    "show",
    "show_matrix",
    "show_run",
    "upgrade",
}

#: The words of an identifier: ``MAX_BODY_BYTES`` and ``RunUpdate`` have three and two.
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def replaced_terms() -> list[str]:
    page = ROOT / "docs" / "reference" / "glossary.md"
    rows = re.findall(r"^\|.*\| ([^|]*) \|$", page.read_text(), re.M)
    cells = [cell for cell in rows if cell not in ("Not", "---")]
    return sorted({term for cell in cells for term in cell.split(", ") if term})


def identifiers(module: Path) -> Iterator[str]:
    """All names that a module defines or assigns, its own name among them."""
    yield module.stem
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def words_of_identifiers() -> frozenset[tuple[str, str]]:
    """Each identifier of the package with its module, and its words in lower case."""
    return frozenset(
        (
            f"{module.relative_to(ROOT)}: {name}",
            f" {' '.join(WORDS.findall(name)).lower()} ",
        )
        for module in (ROOT / "flask_lakeflow_jobs").rglob("*.py")
        for name in identifiers(module)
    )


def test_identifiers_avoid_replaced_terms() -> None:
    terms, identifiers = replaced_terms(), words_of_identifiers()
    assert len(terms) > 20
    assert [
        (term, name)
        for term in terms
        for name, words in sorted(identifiers)
        if f" {term} " in words
    ] == []


def test_no_module_has_the_name_of_another() -> None:
    modules = (ROOT / "flask_lakeflow_jobs").rglob("*.py")
    counts = Counter(module.stem for module in modules if not module.stem.startswith("__"))
    assert {name for name, count in counts.items() if count > 1} == SHARED_MODULE_NAMES


def test_no_public_class_or_function_has_the_name_of_another() -> None:
    counts = Counter(
        node.name
        for module in (ROOT / "flask_lakeflow_jobs").rglob("*.py")
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in counts.items() if count > 1} == SHARED_NAMES
