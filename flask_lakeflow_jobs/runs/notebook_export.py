"""The printed text of a notebook, from its page that ``runs/export`` returns. Pure.

The Jobs API has no logs of notebooks in ``runs/get-output``: it has their exit value only. The page
has the outputs of all cells, in a model for its script: JSON, with percent escapes, in base64. The
documentation does not describe the model, so what is not understood is left out.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

#: Larger pages are not read.
MAX_PAGE_CHARS = 40_000_000

#: As much of the output as the Jobs API returns of a script's log.
MAX_OUTPUT_CHARS = 5 * 1024 * 1024

#: Outputs in outputs.
_MAX_DEPTH = 5

_MODEL = re.compile(r"__DATABRICKS_NOTEBOOK_MODEL\s*=\s*['\"]([A-Za-z0-9+/=\s]+)['\"]")


def extract_output(page: str) -> tuple[str, bool] | None:
    """Return what the cells of a notebook have printed, and whether it is truncated.

    :return: ``None`` if the page has another form.
    """
    match = _MODEL.search(page) if len(page) <= MAX_PAGE_CHARS else None
    if match is None:
        return None
    try:
        model = json.loads(unquote(base64.b64decode(match[1]).decode()))
    except (ValueError, RecursionError):
        return None
    commands = model.get("commands") if isinstance(model, dict) else None
    cells = _select_objects(commands)
    cells.sort(key=lambda cell: _number(cell.get("position")))
    parts = [part for cell in cells for part in _outputs_of(cell.get("results"), 0)]
    text = "".join(part if part.endswith("\n") else f"{part}\n" for part in parts if part)
    return text[-MAX_OUTPUT_CHARS:], len(text) > MAX_OUTPUT_CHARS


def _select_objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0.0


def _outputs_of(result: Any, depth: int) -> Iterator[str]:
    if not isinstance(result, dict) or depth > _MAX_DEPTH:
        return
    kind, data = result.get("type"), result.get("data")
    if isinstance(data, list):
        if kind == "table":
            yield _format_table(result)
        else:
            for each in data:
                yield from _outputs_of(each, depth + 1)
    elif isinstance(data, dict):  # one output in several media types
        text = data.get("text/plain")
        yield text if isinstance(text, str) else ""
    elif isinstance(data, str):
        yield _to_text(data) if kind in ("html", "htmlSandbox") else data


def _format_table(result: dict[str, Any]) -> str:
    columns = [each.get("name") for each in _select_objects(result.get("schema"))]
    rows = [columns, *result["data"]]
    return "\n".join(
        "\t".join("" if value is None else str(value) for value in row)
        for row in rows
        if isinstance(row, list) and row
    )


class _TextParser(HTMLParser):
    """Collects the text of HTML, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Skip ``<![…>`` like a browser. The parser of older Pythons raises an AssertionError."""
        return self.parse_bogus_comment(i, report)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _to_text(html: str) -> str:
    parser = _TextParser()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)
