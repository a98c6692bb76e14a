"""Second task of the ``etl`` job: drop the flights whose delay nobody knows, and say why."""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

Row = Mapping[str, str]

NUMBERS = ("hour", "dep_delay", "arr_delay")


def missing(value: str | None) -> bool:
    """Tell whether a cell is empty, in either of the spellings that such data use."""
    return value is None or value.strip() in ("", "NA")


def reason_to_drop(row: Row) -> str | None:
    """Say why a flight has no known delay.

    :param row: one flight.
    :return: ``cancelled`` (it never left), ``unrecorded`` (it left, its arrival is not on record),
        ``diverted`` (it landed somewhere else), ``unreadable`` (a number that is none), or ``None``
        for a flight to keep.
    """
    if missing(row.get("dep_time")):
        return "cancelled"
    if missing(row.get("arr_time")):
        return "unrecorded"
    if missing(row.get("arr_delay")):
        return "diverted"
    try:
        for column in NUMBERS:
            int(row[column])
    except (KeyError, TypeError, ValueError):
        return "unreadable"
    return None


def main() -> None:
    """Write ``clean.csv`` and ``dropped.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Drop the flights whose delay nobody knows.")
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
            reason = reason_to_drop(row)
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
