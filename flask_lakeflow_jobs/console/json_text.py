"""JSON of tasks as HTML that folds without a script. Pure."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from .rich_text import link

#: Larger or deeper values are shown as text.
MAX_CHARS = 200_000
MAX_NODES = 2_000
MAX_DEPTH = 30

#: Members of an object or array that is open at first.
_MAX_OPEN = 50


def render_json(text: str) -> Markup | None:
    """Render an object or an array; ``None`` if the text is anything else, or too large."""
    if not text.lstrip().startswith(("{", "[")) or len(text) > MAX_CHARS:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not value or _count(value, 0) > MAX_NODES:
        return None
    return _render(value, 0)


def _count(value: Any, depth: int) -> int:
    if depth > MAX_DEPTH:
        return MAX_NODES + 1
    nested = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return 1
    total = 1
    for each in nested:
        total += _count(each, depth + 1)
        if total > MAX_NODES:
            break
    return total


def _render(value: Any, depth: int) -> Markup:
    if not isinstance(value, dict | list) or not value:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        kind = "text" if isinstance(value, str) else "value"
        return Markup('<span class="lf-json-{}">{}</span>').format(kind, link(text))
    members = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    items = Markup("").join(
        Markup('<li><span class="lf-json-key">{}</span> {}</li>').format(
            f"{name}:", _render(each, depth + 1)
        )
        for name, each in members
    )
    word = "member" if isinstance(value, dict) else "item"
    summary = f"{len(members)} {word}{'' if len(members) == 1 else 's'}"
    is_open = Markup(" open") if depth < 2 and len(members) <= _MAX_OPEN else ""
    return Markup("<details{}><summary>{}</summary><ul>{}</ul></details>").format(
        is_open, summary, items
    )
