"""Third step of the ``etl`` job: add up the delays, by carrier, hour or airport.

The job runs it three times side by side, once for each of these views.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

LATE = 15
"""Minutes from which a departure counts as late, as the US Department of Transportation counts."""

Row = Mapping[str, str]
Sums = dict[str, int]


def add_up(rows: Iterable[Row], column: str) -> dict[str, Sums]:
    """Add up the delays of the flights that have the same value in one column.

    Whole sums rather than means come out: they stay exact, and can be added up further.

    :param rows: clean flights.
    :param column: the column to group by.
    :return: for each of its values, in order: how many ``flights``, by how many minutes in all
        they left and arrived late (``departure``, ``arrival``; being early counts against), and
        how many of them left ``late``.
    """
    groups: defaultdict[str, Sums] = defaultdict(
        lambda: {"flights": 0, "departure": 0, "arrival": 0, "late": 0}
    )
    for row in rows:
        sums = groups[row[column]]
        delay = int(row["dep_delay"])
        sums["flights"] += 1
        sums["departure"] += delay
        sums["arrival"] += int(row["arr_delay"])
        sums["late"] += delay >= LATE
    # The hours are numbers, written without a leading zero: 9 comes before 10.
    return {key: groups[key] for key in sorted(groups, key=lambda key: (len(key), key))}


def main() -> None:
    """Write ``by_<column>.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Add up the delays by one column.")
    parser.add_argument("--by", required=True, choices=["carrier", "hour", "origin"])
    parser.add_argument("--folder", required=True, type=Path, help="folder of this run's files")
    args = parser.parse_args()

    with (args.folder / "clean.csv").open(encoding="utf-8", newline="") as file:
        groups = add_up(csv.DictReader(file), args.by)
    (args.folder / f"by_{args.by}.json").write_text(json.dumps(groups), encoding="utf-8")
    for key, sums in groups.items():
        flights, late = sums["flights"], sums["late"] / sums["flights"]
        delay = sums["departure"] / flights
        print(f"{key:>3} {flights:>8,} flights, {delay:>5.1f} min on average, {late:>4.0%} late")


if __name__ == "__main__":
    main()
