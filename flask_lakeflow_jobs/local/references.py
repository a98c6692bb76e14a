"""Dynamic value references: ``{{job.parameters.day}}`` and the like, replaced in a task's
settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# A part of a name that holds other characters stands in backticks, or, as once, in brackets.
REFERENCE = re.compile(r"\{\{\s*([A-Za-z_](?:[\w.\-]|`[^`{}]+`|\[[^\[\]{}]+\])*)\s*\}\}")
_NAMESPACES = ("job.", "task.", "tasks.", "workspace.", "backfill.")


class UnknownReference(LookupError):
    """A reference into a namespace that exists, to a value that does not."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The reference {{{{{name}}}}} has no value here. Check its spelling, and that the "
            "task "
            f"which is to provide it runs earlier and has set it."
        )


Lookup = Callable[[str], Any]
"""Takes the name inside the braces; raises KeyError where it knows none."""


def resolve(value: Any, lookup: Lookup) -> Any:
    """The same value with the references in each of its strings replaced.

    :param value: a string, list, dict or anything else that JSON holds.
    :param lookup: gives the value for a name.
    :raises UnknownReference: a name in a known namespace that ``lookup`` does not know. Braces
        around
        anything else stay as they are, as on Databricks.
    """
    if isinstance(value, str):
        return _resolve_text(value, lookup) if "{{" in value else value
    if isinstance(value, list):
        return [resolve(each, lookup) for each in value]
    if isinstance(value, dict):
        return {key: resolve(each, lookup) for key, each in value.items()}
    return value


def _resolve_text(text: str, lookup: Lookup) -> str:
    def replacement(match: re.Match[str]) -> str:
        name = re.sub(r"[`\[\]]", "", match.group(1))
        try:
            return as_text(lookup(name))
        except KeyError:
            if name.startswith(_NAMESPACES):
                raise UnknownReference(name) from None
            return match.group(0)

    return REFERENCE.sub(replacement, text)


def as_text(value: Any) -> str:
    """A value as it appears inside a parameter: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value)
