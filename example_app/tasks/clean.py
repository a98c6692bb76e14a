"""Second task of the ``etl`` job: drop flights without a known delay, and count the reasons."""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

Row = Mapping[str, str]

NUMBERS = ("hour", "dep_delay", "arr_delay")


def is_missing(value: str | None) -> bool:
    """Return whether a cell is empty or ``NA``."""
    return value is None or value.strip() in ("", "NA")


def find_drop_reason(row: Row) -> str | None:
    """Return why a flight has no known delay, or ``None`` if it has one.

    The reasons are ``cancelled`` (it never left), ``unrecorded`` (it left, but has no arrival),
    ``diverted`` (it landed at another airport) and ``unreadable`` (a value is not a number).
    """
    if is_missing(row.get("dep_time")):
        return "cancelled"
    if is_missing(row.get("arr_time")):
        return "unrecorded"
    if is_missing(row.get("arr_delay")):
        return "diverted"
    try:
        for column in NUMBERS:
            int(row[column])
    except (KeyError, TypeError, ValueError):
        return "unreadable"
    return None


def main() -> None:
    """Write ``clean.csv`` and ``dropped.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Drop flights without a known delay.")
    parser.add_argument("--folder", required=True, type=Path, help="folder of this run's files")
    args = parser.parse_args()

    dropped: Counter[str] = Counter()
    kept = 0
    with (
        (args.folder / "flights.csv").open(encoding="utf-8", newline="") as source,
        (args.folder / "clean.csv").open("w", encoding="utf-8", newline="") as target,
    ):
        rows = csv.DictReader(source)
        writer = csv.DictWriter(target, rows.fieldnames or (), extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            reason = find_drop_reason(row)
            if reason is None:
                writer.writerow(row)
                kept += 1
            else:
                dropped[reason] += 1
    (args.folder / "dropped.json").write_text(json.dumps(dropped), encoding="utf-8")
    print(f"{kept:,} flights kept, {dropped.total():,} dropped")
    for reason, count in dropped.most_common():
        print(f"{count:>9,} {reason}")


if __name__ == "__main__":
    main()
