"""The columns that folders such as ``day=2024-01-01`` stand for. Pure.

Sail makes all of them texts, and knows none if it reads single files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import unquote

#: The names and values of a file's folders.
Partition = tuple[tuple[str, str | None], ...]

_NULL = "__HIVE_DEFAULT_PARTITION__"
_MAX_INT = 2**31 - 1
# The types that Spark infers for most values.
_TYPES = {"int": r"-?\d{1,18}", "double": r"-?\d+\.\d+", "date": r"\d{4}-\d\d-\d\d"}


def find_partition(root: str, file: str) -> Partition:
    """Return the columns of a file below a folder, and none for a pattern or a file."""
    names = os.path.relpath(os.path.dirname(file), root).split(os.sep)
    if names[0] == os.pardir:
        return ()
    pairs = (each.partition("=") for each in names if "=" in each)
    return tuple((unquote(name), _read(value)) for name, _, value in pairs)


def infer_types(partitions: Iterable[Partition]) -> dict[str, str]:
    """Return the types of the columns."""
    found: dict[str, list[str]] = {}
    for name, value in (pair for each in partitions for pair in each):
        found.setdefault(name, []).extend(() if value is None else (value,))
    return {name: _infer(values) for name, values in found.items()}


def _read(value: str) -> str | None:
    return None if value == _NULL else unquote(value)


def _infer(values: list[str]) -> str:
    for kind, pattern in _TYPES.items():
        if values and all(re.fullmatch(pattern, each) for each in values):
            is_long = kind == "int" and max(abs(int(each)) for each in values) > _MAX_INT
            return "bigint" if is_long else kind
    return "string"
