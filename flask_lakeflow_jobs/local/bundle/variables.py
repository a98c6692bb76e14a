"""``${var.x}`` and its kin: what a bundle's text may refer to, and how it is put in."""
# MERGED """What the environment says of how a bundle is to be read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from typing import Any

from .conversion import as_text
from .yaml import MarkedDict, MarkedList

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


_VARIABLE = "BUNDLE_VAR_"


def target_asked_for() -> str:
    """The target that ``DATABRICKS_BUNDLE_TARGET`` names; empty if it names none."""
    return os.environ.get("DATABRICKS_BUNDLE_TARGET", "")


def value_of_variable(name: str) -> str | None:
    """The value that the environment gives to a variable of the bundle, if it gives one."""
    return os.environ.get(_VARIABLE + name)


def digest_of_variables() -> str:
    """The same for the same values of all ``BUNDLE_VAR_…``, and telling none of them."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLE)}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
