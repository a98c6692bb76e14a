from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_app.tasks import clean
from tests.example.support import run_task

GOOD = {
    "carrier": "UA",
    "origin": "EWR",
    "hour": "5",
    "dep_time": "517",
    "dep_delay": "-2",
    "arr_time": "830",
    "arr_delay": "11",
}

CASES = [
    ({}, None),
    ({"dep_delay": "0", "arr_delay": "-40"}, None),
    ({"dep_time": "", "dep_delay": "", "arr_time": "", "arr_delay": ""}, "cancelled"),
    ({"dep_time": "NA", "dep_delay": "NA", "arr_time": "NA", "arr_delay": "NA"}, "cancelled"),
    ({"arr_time": "", "arr_delay": ""}, "unrecorded"),
    ({"arr_delay": ""}, "diverted"),
    ({"arr_delay": " "}, "diverted"),
    ({"dep_delay": "late"}, "unreadable"),
    ({"dep_delay": ""}, "unreadable"),
    ({"hour": "5.5"}, "unreadable"),
]


@pytest.mark.parametrize(("change", "reason"), CASES)
def test_find_drop_reason_of_each_kind_of_flight(
    change: dict[str, str], reason: str | None
) -> None:
    assert clean.find_drop_reason({**GOOD, **change}) == reason


cells = st.none() | st.integers().map(str) | st.text("0123456789-+._ eNA\u0663\x00", max_size=6)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), cells))
def test_find_drop_reason_keeps_only_rows_with_numbers(row: dict[str, str]) -> None:
    if clean.find_drop_reason(row) is None:
        assert [int(row[column]) for column in clean.NUMBERS]


def test_clean_script_keeps_or_counts_every_flight(tmp_path: Path) -> None:
    with (tmp_path / "flights.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(GOOD))
        writer.writeheader()
        writer.writerows({**GOOD, **change} for change, _ in CASES)

    done = run_task("clean", f"--folder={tmp_path}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 flights kept, 8 dropped",
        *(
            "        3 unreadable",
            "        2 cancelled",
            "        2 diverted",
            "        1 unrecorded",
        ),
    ]
    with (tmp_path / "clean.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {**GOOD, **change} for change, why in CASES if not why
        ]
    dropped = json.loads((tmp_path / "dropped.json").read_text())
    assert dropped == {"cancelled": 2, "unrecorded": 1, "diverted": 2, "unreadable": 3}
