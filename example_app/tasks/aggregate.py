"""Third step of the ``etl`` job: sum the delays by carrier, hour or airport.

The job runs it three times in parallel, once per column.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

#: A departure is late from this delay on, as the US Department of Transportation defines it.
LATE_MINUTES = 15

Row = Mapping[str, str]
Sums = dict[str, int]


def sum_delays(rows: Iterable[Row], column: str) -> dict[str, Sums]:
    """Sum the delays of flights, grouped by a column.

    Sums are exact and can be added, unlike means.

    :return: for each value of the column, in order: the number of ``flights``, the total delays in
        minutes at ``departure`` and ``arrival`` (an early flight has a negative delay), and the
        number of ``late`` departures.
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
        sums["late"] += delay >= LATE_MINUTES
    # Hours are numbers without leading zeros: 9 comes before 10.
    return {key: groups[key] for key in sorted(groups, key=lambda key: (len(key), key))}


def fail_once(folder: Path) -> None:
    """Fail at the first attempt in a run's folder.

    :raises RuntimeError: this is the first attempt.
    """
    marker = folder / "failed_once"
    if not marker.exists():
        marker.touch()
        raise RuntimeError("This task was asked to fail once. Repair the run: it will succeed.")


def main() -> None:
    """Write ``by_<column>.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Sum the delays by a column.")
    parser.add_argument("--by", required=True, choices=["carrier", "hour", "origin"])
    parser.add_argument("--folder", required=True, type=Path, help="folder of this run's files")
    parser.add_argument("--fail-once", choices=["true", "false"], default="false")
    args = parser.parse_args()
    if args.fail_once == "true":
        fail_once(args.folder)

    with (args.folder / "clean.csv").open(encoding="utf-8", newline="") as file:
        groups = sum_delays(csv.DictReader(file), args.by)
    (args.folder / f"by_{args.by}.json").write_text(json.dumps(groups), encoding="utf-8")
    for key, sums in groups.items():
        flights, late = sums["flights"], sums["late"] / sums["flights"]
        delay = sums["departure"] / flights
        print(f"{key:>3} {flights:>8,} flights, {delay:>5.1f} min on average, {late:>4.0%} late")


if __name__ == "__main__":
    main()
