"""Usual pieces of Databricks code: those that run on Sail, and the advice for the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.spark.support import check_snippets, read_advised, read_snippets

#: The first creates tables and a volume for the others.
RUNNING = (
    *("usual", "files", "columns", "changes", "catalog"),
    *("joins", "values", "views", "queries", "features"),
)


def test_usual_snippets_run_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    errors = check_snippets(workspaces, read_snippets(*RUNNING), read_advised("refused"))
    for name, error in errors.items():
        assert re.match(r"(\w+: )?Sail ", error), name
