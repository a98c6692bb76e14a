"""Task of the ``report`` job: print the newest result of ``etl`` as text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

WIDTH = 24
EIGHTHS = " ▏▎▍▌▋▊▉█"


def find_newest(folder: Path) -> Path:
    """Return the file with the newest result.

    :param folder: the folder with one folder for each run of ``etl``.
    :raises FileNotFoundError: there is no result yet.
    """
    results = sorted(folder.glob("*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    if not results:
        raise FileNotFoundError(f"There is no result in {folder}. Run the job 'etl' first.")
    return results[-1]


def draw_bar(value: float, maximum: float, width: int = WIDTH) -> str:
    """Draw a bar of block characters, in steps of an eighth of a character.

    :param value: a negative value has no bar.
    :param maximum: the value whose bar fills the width.
    """
    eighths = round(max(value, 0) / maximum * width * 8) if maximum > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + EIGHTHS[rest].strip()


def format_section(title: str, groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a section with one line per group; the first line is empty."""
    groups = list(groups)
    longest = max((group["departureDelay"] for group in groups), default=0)
    return ["", title] + [
        f"  {group['name']:<28}{group['departureDelay']:>6.1f} min"
        f"  {draw_bar(group['departureDelay'], longest):<{WIDTH}}"
        f"  {group['lateShare']:>4.0%} late of {group['flights']:,}"
        for group in groups
    ]


def format_report(result: Mapping[str, Any]) -> str:
    """Format a result of ``etl``, the value of its notebook ``summary``, as text."""
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
    lines += format_section("By carrier, the longest wait first", worst_first)
    lines += format_section("By airport", result["byAirport"])
    lines += format_section("By the hour they were to leave", by_hour)
    return "\n".join(lines)


def main() -> None:
    """Print the newest result."""
    parser = argparse.ArgumentParser(description="Print the newest result of etl.")
    parser.add_argument("--data", required=True, type=Path, help="folder that etl writes to")
    args = parser.parse_args()
    print(format_report(json.loads(find_newest(args.data).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
