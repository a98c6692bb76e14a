"""``${var.x}`` and its kin: what a bundle's text may refer to, and how it is put in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask_lakeflow_jobs.local.conversion import as_text
from flask_lakeflow_jobs.local.yamlmarks import MarkedDict, MarkedList

# Other names in such braces, as of a shell's or Spark's variables, are left to whoever reads them.
# Paths of the workspace once lacked the prefix that older bundles put before them; the CLI drops it
# (its mutator rewrite_workspace_prefix).
REFERENCE = re.compile(
    r"(?:/Workspace/?(?=\$\{workspace\.(?:artifact|file|resource|root|state)_path\}))?"
    r"\$\{((?:artifacts|bundle|resources|var|variables|workspace)\.[^\W\d_][\w.\-\[\]]*)\}"
)


class UnknownVariable(LookupError):
    """A ``${…}`` that nothing gives a value."""


def interpolate(value: Any, lookup: Callable[[str], Any], chain: tuple[str, ...] = ()) -> Any:
    """The same value with each ``${name}`` in it replaced, marks kept.

    A string that is nothing but one reference becomes the value itself, whatever its type.

    :param lookup: gives the value for a name, which may hold references in its turn.
    :raises UnknownVariable: a name without a value, or one that leads back to itself.
    """
    if isinstance(value, MarkedDict):
        mapping = MarkedDict({key: interpolate(each, lookup, chain) for key, each in value.items()})
        mapping.places = dict(value.places)
        return mapping
    if isinstance(value, MarkedList):
        items = MarkedList(interpolate(each, lookup, chain) for each in value)
        items.places = list(value.places)
        return items
    if not isinstance(value, str):
        return value

    def replacement(name: str) -> Any:
        if name in chain:
            raise UnknownVariable(f"${{{name}}} refers to itself.")
        return interpolate(lookup(name), lookup, (*chain, name))

    if whole := REFERENCE.fullmatch(value):
        return replacement(whole.group(1))
    return REFERENCE.sub(lambda match: str(as_text(replacement(match.group(1)))), value)
