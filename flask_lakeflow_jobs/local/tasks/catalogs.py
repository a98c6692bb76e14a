"""The catalogs that Sail has to know when it starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Catalogs that every workspace has. The first is the default one.
BUILT_IN_CATALOGS = ("main", "hive_metastore", "workspace")

_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


def find_catalogs(settings: Any) -> set[str]:
    """Return the values of all fields and parameters whose name contains ``catalog``."""
    return {value for field, value in _walk(settings, "") if is_catalog(field, value)}


def is_catalog(field: str, value: str) -> bool:
    """Return whether a field may hold the name of a catalog."""
    return "catalog" in field.lower() and _NAME.fullmatch(value) is not None


def _walk(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Yield the texts in settings, each with the name of its field or parameter."""
    if isinstance(value, Mapping):
        # A job parameter is a mapping with its name and its value.
        name = value.get("name") if isinstance(value.get("name"), str) else None
        for key, each in value.items():
            yield from _walk(each, name if name and key in ("default", "value") else str(key))
    elif isinstance(value, list):
        previous = ""
        for each in value:
            yield from _walk(each, previous)
            is_name = isinstance(each, str) and each.startswith("-") and "=" not in each
            previous = each if is_name else ""  # as in --catalog dev
    elif isinstance(value, str):
        option, is_option, argument = value.partition("=")
        yield (option, argument) if is_option and option.startswith("-") else (field, value)
