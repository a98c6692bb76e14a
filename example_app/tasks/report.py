"""The one task of the ``report`` job: tell what the newest ``etl`` found, as plain text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

WIDTH = 24
EIGHTHS = " ▏▎▍▌▋▊▉█"


def newest(folder: Path) -> Path:
    """Find the newest result that ``etl`` left.

    :param folder: the folder that holds one folder for each run of ``etl``.
    :return: the result's file.
    :raises FileNotFoundError: if no run has left one yet.
    """
    results = sorted(folder.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    if not results:
        raise FileNotFoundError(
            f"There is nothing to report on in {folder}: run the job 'etl' first."
        )
    return results[-1]


def bar(value: float, most: float, width: int = WIDTH) -> str:
    """Draw a value as a bar of block characters, to the eighth of a character.

    :param value: what to draw; below zero is drawn as nothing.
    :param most: the value that fills the width.
    :param width: characters of the longest bar.
    :return: the bar, without padding.
    """
    eighths = round(max(value, 0) / most * width * 8) if most > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + EIGHTHS[rest].strip()


def section(title: str, groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lay out one view of the delays, a line for each group.

    :param title: what the groups are.
    :param groups: the groups in the order to show them, as the ``etl`` job hands them back.
    :return: the lines, the first one empty.
    """
    groups = list(groups)
    most = max((group["departureDelay"] for group in groups), default=0)
    return ["", title] + [
        f"  {group['name']:<28}{group['departureDelay']:>6.1f} min"
        f"  {bar(group['departureDelay'], most):<{WIDTH}}"
        f"  {group['lateShare']:>4.0%} late of {group['flights']:,}"
        for group in groups
    ]


def render(result: Mapping[str, Any]) -> str:
    """Tell a result of ``etl`` as text.

    :param result: what the notebook ``summary`` handed back.
    :return: the report, several lines.
    """
    dropped = ", ".join(
        f"{count:,} {reason}" for reason, count in sorted(result["dropped"].items())
    )
    lines = [
        f"Leaving New York, {result['startDate']} to {result['endDate']}",
        f"{result['scheduled']:,} flights planned, {result['counted']:,} counted here",
        f"Dropped, as their delay is unknown: {dropped or 'none'}",
    ]
    if not result["counted"]:
        return "\n".join(lines)
    lines.append(
        f"On average {result['departureDelay']} minutes late at departure and "
        f"{result['arrivalDelay']} at arrival; {result['lateShare']:.0%} left 15+ minutes late"
    )
    worst_first = sorted(result["byCarrier"], key=lambda group: -group["departureDelay"])
    by_hour = [{**group, "name": f"{int(group['key']):02}:00"} for group in result["byHour"]]
    lines += section("By carrier, the longest wait first", worst_first)
    lines += section("By airport", result["byAirport"])
    lines += section("By the hour they were to leave", by_hour)
    return "\n".join(lines)


def main() -> None:
    """Print the report on the newest result."""
    parser = argparse.ArgumentParser(description="Tell what the newest etl found.")
    parser.add_argument("--data", required=True, type=Path, help="folder that etl writes to")
    args = parser.parse_args()
    print(render(json.loads(newest(args.data).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
