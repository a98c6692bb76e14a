"""The diagrams of the documentation, as SVG in the colors of the page.

The pages include the files of ``docs/diagrams``. A test fails if a file is outdated. Run this
module to write all of them::

    python docs/_ext/docs_diagrams.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from docs_diagram_contents import BOXES, SEQUENCES, Boxes, Messages

FOLDER = Path(__file__).parents[1] / "diagrams"

WIDTH = 640

#: The vertical distances of lines of text, messages, and rows of boxes, in pixels.
LINE, STEP, ROW = 17, 40, 92
BOX_HEIGHT = 52
MARGIN = 8

#: Furo's variables, so that diagrams follow its dark scheme; the fallbacks are for files alone.
TEXT = "fill:var(--color-foreground-primary,#111)"
QUIET = "fill:var(--color-foreground-secondary,#444)"
BOX = "fill:var(--color-background-secondary,#f8f9fb);stroke:var(--color-foreground-muted,#666)"
ARROW = "stroke:var(--color-foreground-secondary,#444)"
#: Keeps text legible where it crosses a line.
HALO = (
    ";paint-order:stroke;stroke:var(--color-background-primary,#fff);stroke-width:5;"
    "stroke-linejoin:round"
)
DASHED = "stroke:var(--color-foreground-muted,#666);stroke-dasharray:3 4"


@dataclass(frozen=True)
class Point:
    """A place in a diagram."""

    x: float
    y: float


def text_at(at: Point, text: str, style: str = TEXT, *, size: int = 13) -> Iterator[str]:
    """Yield centered lines of text around a place."""
    lines = text.split("\n")
    top = at.y - (len(lines) - 1) * LINE / 2
    for number, line in enumerate(lines):
        y = top + number * LINE + size / 3
        yield (
            f'<text x="{at.x:g}" y="{y:g}" text-anchor="middle" font-size="{size}"'
            f' style="{style}">{escape(line)}</text>'
        )


def box_at(at: Point, text: str, width: float) -> Iterator[str]:
    """Yield a box with text, around a place."""
    yield (
        f'<rect x="{at.x - width / 2:g}" y="{at.y - BOX_HEIGHT / 2:g}" width="{width:g}"'
        f' height="{BOX_HEIGHT}" rx="6" style="{BOX}"/>'
    )
    yield from text_at(at, text)


def arrow(start: Point, end: Point, name: str, style: str = ARROW) -> str:
    """Return an arrow; its head is a marker of the diagram."""
    return (
        f'<path d="M{start.x:g} {start.y:g}L{end.x:g} {end.y:g}" fill="none"'
        f' style="{style}" marker-end="url(#{name}-head)"/>'
    )


def wrap(name: str, title: str, description: str, height: float, parts: Sequence[str]) -> str:
    """Return the file of a diagram."""
    body = "\n".join(parts)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" \
aria-labelledby="{name}-title {name}-desc" style="width:100%;max-width:{WIDTH}px;height:auto" \
font-family="system-ui, sans-serif">
<title id="{name}-title">{escape(title)}</title>
<desc id="{name}-desc">{escape(description)}</desc>
<defs>
<marker id="{name}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
orient="auto"><path d="M0 0L8 4L0 8z" style="{QUIET}"/></marker>
</defs>
{body}
</svg>
"""


def render_messages(diagram: Messages) -> str:
    """Render messages between actors, from top to bottom."""
    column = WIDTH / len(diagram.actors)
    places = {actor: column * (index + 0.5) for index, actor in enumerate(diagram.actors)}
    top = MARGIN + BOX_HEIGHT / 2
    parts: list[str] = []
    y = top + BOX_HEIGHT / 2 + STEP
    for source, target, text in diagram.steps:
        y += LINE * text.count("\n")
        middle = (places[source] + places[target]) / 2
        if source == target:
            parts += text_at(
                Point(middle, y - LINE * text.count("\n") / 2), text, QUIET + HALO, size=12
            )
        else:
            direction = 1 if places[target] > places[source] else -1
            parts.append(
                arrow(Point(places[source], y), Point(places[target] - direction, y), diagram.name)
            )
            above = y - 9 - LINE * text.count("\n") / 2
            parts += text_at(Point(middle, above), text, TEXT + HALO, size=12)
        y += STEP
    bottom = y - STEP / 2
    lines = [
        f'<path d="M{x:g} {top + BOX_HEIGHT / 2:g}V{bottom:g}" style="{DASHED}"/>'
        for x in places.values()
    ]
    heads = [
        part
        for actor, x in places.items()
        for part in box_at(Point(x, top), actor, min(column - 12, 150))
    ]
    return wrap(
        diagram.name, diagram.title, diagram.description, bottom + MARGIN, [*lines, *heads, *parts]
    )


def render_boxes(diagram: Boxes) -> str:
    """Render rows of boxes with arrows between them."""
    places: dict[str, Point] = {}
    widths: dict[str, float] = {}
    for number, row in enumerate(diagram.rows):
        column = WIDTH / len(row)
        for index, label in enumerate(row):
            places[label] = Point(column * (index + 0.5), MARGIN + BOX_HEIGHT / 2 + number * ROW)
            widths[label] = min(column - 24, 300)
    parts: list[str] = []
    for source, target, text in diagram.arrows:
        start, end = places[source], places[target]
        if start.y == end.y:
            side = 1 if end.x > start.x else -1
            first = Point(start.x + side * widths[source] / 2, start.y)
            last = Point(end.x - side * (widths[target] / 2 + 1), end.y)
        else:
            side = 1 if end.y > start.y else -1
            first = Point(start.x, start.y + side * BOX_HEIGHT / 2)
            last = Point(end.x, end.y - side * (BOX_HEIGHT / 2 + 1))
        parts.append(arrow(first, last, diagram.name))
        if text:
            middle = Point((first.x + last.x) / 2, (first.y + last.y) / 2)
            offset = 3.4 * max(map(len, text.split("\n"))) + 6 if start.y != end.y else 0
            parts += text_at(
                Point(middle.x + offset, middle.y - (start.y == end.y) * 10), text, QUIET, size=12
            )
    for label, at in places.items():
        parts += box_at(at, label, widths[label])
    height = 2 * MARGIN + BOX_HEIGHT + (len(diagram.rows) - 1) * ROW
    return wrap(diagram.name, diagram.title, diagram.description, height, parts)


def render_all() -> dict[str, str]:
    """Return all diagrams by the names of their files."""
    return {
        **{f"{each.name}.svg": render_messages(each) for each in SEQUENCES},
        **{f"{each.name}.svg": render_boxes(each) for each in BOXES},
    }


if __name__ == "__main__":
    for file, diagram in render_all().items():
        (FOLDER / file).write_text(diagram)
