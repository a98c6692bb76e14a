"""The page that ``runs/export`` hands out for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any


def notebook_view(name: str, source: str, output: dict[str, Any], title: str) -> str:
    """A small HTML page: the notebook's code, what it printed and how it ended."""
    parts = [("Code", source)]
    parts += [
        (label, output[key])
        for label, key in (("Printed", "logs"), ("Result", "result"), ("Error", "error_trace"))
        if output.get(key)
    ]
    sections = "\n".join(
        f"<h2>{label}</h2>\n<pre>{escape(str(text))}</pre>" for label, text in parts
    )
    return (
        '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8">'
        f"<title>{escape(name)}</title></head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{sections}\n</body>\n</html>\n"
    )
