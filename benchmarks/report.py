"""The results as a page: groups of rows, and the method below. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

WORDS = {True: "yes", False: "**no**", None: "not measured"}


@dataclass(frozen=True)
class Row:
    """A measured figure.

    :param how: the method, in a sentence.
    :param ours: the extension's figure.
    :param met: whether it was reached; ``None``: it was not measured.
    :param peer: the peer's figure, in the same run.
    :param ratio: ours divided by the peer's, where both were measured.
    """

    what: str
    how: str
    ours: str
    target: str
    met: bool | None
    peer: str = "–"
    ratio: float | None = None


def not_measured(what: str, why: object) -> Row:
    """Return a row for what could not be measured."""
    return Row(what, f"Not measured: {' '.join(str(why).split())}", "–", "–", None)


@dataclass(frozen=True)
class Group:
    """Scenarios whose rows answer one question of a user.

    :param meaning: the answer, in a sentence.
    :param scenarios: names of scenarios, in the order of the page.
    """

    title: str
    meaning: str
    scenarios: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page of results.

    :param preface: the first paragraph, about all figures.
    :param method: what holds for all rows.
    """

    title: str
    preface: str
    method: str
    groups: tuple[Group, ...]

    @property
    def scenarios(self) -> set[str]:
        return {name for group in self.groups for name in group.scenarios}


def table(rows: Sequence[Row], first: int = 1) -> str:
    """Return rows as a table of Markdown.

    :param first: the number of the first row.
    """
    lines = [
        "| | Measured | This package | Peer | Ratio | Target | Met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, row in enumerate(rows, first):
        cells = [str(number), row.what, row.ours, row.peer, _ratio(row.ratio), row.target]
        lines.append(f"| {' | '.join([*cells, WORDS[row.met]])} |")
    return "\n".join(lines)


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}"


def document(
    page: Page,
    measured: Mapping[str, Sequence[Row]],
    machine: Mapping[str, str],
    *,
    quick: bool,
) -> str:
    """Return the whole page.

    :param measured: scenario → its rows.
    :param machine: name → value, as :func:`.machine.describe` returns it.
    :param quick: whether the figures only show that the scenarios run.
    """
    shown = [(group, _rows_of(group, measured)) for group in page.groups]
    rows = [row for _, of_group in shown for row in of_group]
    met = sum(row.met is True for row in rows)
    missed = sum(row.met is False for row in rows)
    lines = [f"# {page.title}", "", page.preface, ""]
    if quick:
        lines += ["**A quick run: the figures mean nothing.**", ""]
    summary = f"{met} of {len(rows)} rows meet their target, {missed} miss it."
    if unmeasured := len(rows) - met - missed:
        summary += f" Not measured: {unmeasured}."
    lines += [summary, ""]
    first = 1
    for group, of_group in shown:
        if of_group:
            lines += [f"## {group.title}", "", group.meaning, "", table(of_group, first), ""]
            first += len(of_group)
    lines += ["## Method", "", page.method, "", *_methods(rows), ""]
    lines += ["## Machine and versions", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in machine.items()]
    return "\n".join([*lines, ""])


def _rows_of(group: Group, measured: Mapping[str, Sequence[Row]]) -> list[Row]:
    return [row for name in group.scenarios for row in measured.get(name, ())]


def _methods(rows: Sequence[Row]) -> list[str]:
    """Return the methods with the numbers of their rows; neighbours share one."""
    numbered = enumerate(rows, 1)
    methods = []
    for how, found in groupby(numbered, key=lambda entry: entry[1].how):
        numbers = [number for number, _ in found]
        ends = [numbers[0]] if len(numbers) == 1 else [numbers[0], numbers[-1]]
        methods.append(f"- **{'–'.join(map(str, ends))}**: {how}")
    return methods
