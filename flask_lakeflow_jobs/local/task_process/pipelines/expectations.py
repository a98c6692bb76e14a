"""Expectations of a pipeline's tables, which are filters here."""

from __future__ import annotations

import functools
import sys
from typing import Any

from ..spark.language.sql_literals import write_text


def as_query(function: Any) -> Any:
    """Return a function whose rows are checked by the expectations in its list ``checks``."""
    if hasattr(function, "checks"):
        return function

    @functools.wraps(function)
    def query() -> Any:
        frame = function()
        for check in query.checks:  # type: ignore[attr-defined]
            frame = check(frame)
        return frame

    query.checks = []  # type: ignore[attr-defined]
    return query


def fail_unless(name: str, condition: str) -> str:
    """Return SQL that is true for each row that meets a condition, and raises for any other row."""
    message = write_text(f"A row violates the expectation {name}: {condition}")
    return f"CASE WHEN {condition} THEN true ELSE raise_error({message}) END"


def _keep(frame: Any, name: str, condition: str) -> Any:
    print(f"The expectation {name!r} is not counted here.", file=sys.stderr)
    return frame


def _drop(frame: Any, name: str, condition: str) -> Any:
    return frame.where(condition)


def _fail(frame: Any, name: str, condition: str) -> Any:
    return frame.where(fail_unless(name, condition))


def _expectation(apply: Any) -> Any:
    def expect(name: str, condition: str) -> Any:
        return expect_all({name: condition})

    def expect_all(expectations: dict[str, str]) -> Any:
        def decorate(function: Any) -> Any:
            query = as_query(function)
            for name, condition in expectations.items():
                query.checks.append(functools.partial(apply, name=name, condition=condition))
            return query

        return decorate

    return expect, expect_all


#: The decorators of expectations by name.
EXPECTATIONS: dict[str, Any] = {
    f"{name}{ending}": function
    for ending, apply in (("", _keep), ("_or_drop", _drop), ("_or_fail", _fail))
    for name, function in zip(("expect", "expect_all"), _expectation(apply), strict=True)
}
