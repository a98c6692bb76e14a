"""The members of a JSON document that ``--fields`` selects. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from ..errors import suggest


def parse_fields(text: str) -> list[str]:
    """Parse names that are separated by commas.

    :raises click.BadParameter: one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise click.BadParameter(f"{text!r} must be names separated by commas.")
    return names


def select_fields(
    document: Mapping[str, Any], names: Collection[str], optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the named members of a document, or of each object of its only list.

    :param names: a name with dots is that of a member in a member.
    :param optional: members that a document may lack.
    :raises click.UsageError: there is no such member.
    """
    ((first, value), *others) = document.items()
    is_list = not others and isinstance(value, list)
    items = value if is_list else [document]
    known = {*optional, *(name for item in items for name in item)}
    for name in names:
        if items and name.partition(".")[0] not in known:
            raise click.UsageError(_describe_unknown(name, known))
    selected = [{name: _find(item, name) for name in names} for item in items]
    return {first: selected} if is_list else selected[0]


def _describe_unknown(name: str, known: Collection[str]) -> str:
    names = ", ".join(sorted(known))
    return f"There is no field {name!r}.{suggest(name, known)} The fields: {names}."


def _find(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document
