"""The members of a JSON document that the user chooses with ``--fields``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import click

from ..errors import suggest

#: Where a context of click has the members that the user has chosen.
FIELDS = "flask_lakeflow_jobs.fields"


def choose_fields(
    ctx: click.Context, _param: click.Parameter, names: list[str] | None
) -> list[str] | None:
    """Let the command print these members of its documents only. A callback of click."""
    if names is not None:
        ctx.meta[FIELDS] = names
    return names


def chosen_fields() -> list[str] | None:
    """Return the members that the user has chosen; ``None``: all."""
    context = click.get_current_context(silent=True)
    return context.meta.get(FIELDS) if context is not None else None


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
