"""Usual pieces of Databricks code: those that run on Sail, and the advice for the others.

The folder ``snippets`` has them as people write them. A line such as ``# %% show`` begins one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.spark.support import check_snippets

FOLDER = Path(__file__).parent / "snippets"

#: The first creates tables and a volume for the others.
RUNNING = ("usual", "files", "columns", "changes", "catalog", "joins", "values")

ADVICE = re.compile(r"# Advice: (.+)\n")


def read_snippets(*names: str) -> dict[str, str]:
    """Return the pieces of code in files by their titles."""
    text = "".join((FOLDER / f"{name}.py").read_text() for name in names)
    _, *parts = re.split(r"^# %% (.+)\n", text, flags=re.MULTILINE)
    titles, codes = parts[::2], parts[1::2]
    assert len(set(titles)) == len(titles), "two snippets have one title"
    return dict(zip(titles, codes, strict=True))


def test_usual_snippets_run_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    refused = read_snippets("refused")
    advised = {title: (code, ADVICE.findall(code)[0]) for title, code in refused.items()}
    errors = check_snippets(workspaces, read_snippets(*RUNNING), advised)
    for name, error in errors.items():
        assert re.match(r"(\w+: )?Sail ", error), name
