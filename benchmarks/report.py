"""The results as a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PREFACE = (
    "Written by `tox -e benchmarks`, which anyone can run; ours and the peers' figures are of"
    " one run on one machine. A ratio carries over to other machines better than a figure. No row"
    " is left out, also if it misses its target."
)

WORKSPACE = (
    "The workspace is a small server of the benchmarks' own, in a process beside the measured ones:"
    " its runs end and its calls fail on command, and it counts who requested"
    " what. It, the clients that load the servers and the servers share the machine's cores."
)

WORDS = {True: "yes", False: "**no**", None: "not measured"}


@dataclass(frozen=True)
class Row:
    """One thing that was measured.

    :param what: it.
    :param how: it was measured, in a sentence.
    :param ours: the extension's figure.
    :param target: the figure to reach.
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
    """A row for what could not be measured.

    :param what: it.
    :param why: the reason.
    """
    return Row(what, f"Not measured: {' '.join(str(why).split())}", "–", "–", None)


def table(rows: Sequence[Row]) -> str:
    """The rows as a table of Markdown.

    :param rows: them.
    """
    lines = [
        "| | what | ours | peer | ours ÷ peer | to reach | reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, row in enumerate(rows, 1):
        cells = [str(number), row.what, row.ours, row.peer, _ratio(row.ratio), row.target]
        lines.append(f"| {' | '.join([*cells, WORDS[row.met]])} |")
    return "\n".join(lines)


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}"


def document(rows: Sequence[Row], machine: Mapping[str, str], *, quick: bool) -> str:
    """The whole page.

    :param rows: what was measured.
    :param machine: what it was measured on and with: name → value.
    :param quick: whether the figures stand for nothing but that the scenarios run.
    """
    reached = sum(row.met is True for row in rows)
    missed = sum(row.met is False for row in rows)
    summary = (
        f"Of {len(rows)} rows {reached} reach their figure, {missed} do not,"
        f" {len(rows) - reached - missed} could not be measured."
    )
    return "\n".join(
        [
            "# Benchmarks",
            "",
            PREFACE,
            "",
            *(["**A quick run: the figures stand for nothing.**", ""] if quick else []),
            summary,
            "",
            table(rows),
            "",
            "## How each row is measured",
            "",
            *(f"{number}. {row.how}" for number, row in enumerate(rows, 1)),
            "",
            "## On what, with what",
            "",
            "| | |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in machine.items()),
            "",
            WORKSPACE,
            "",
        ]
    )
