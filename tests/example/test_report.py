from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_app.tasks import report
from tests.example.support import run_task


def group(key: str, name: str, flights: int, delay: float, late: float) -> dict[str, Any]:
    return {
        "key": key,
        "name": name,
        "flights": flights,
        "departureDelay": delay,
        "arrivalDelay": 0.0,
        "lateShare": late,
    }


RESULT: dict[str, Any] = {
    "startDate": "2013-01-01",
    "endDate": "2013-01-02",
    "scheduled": 1785,
    "counted": 1770,
    "dropped": {"diverted": 3, "cancelled": 12},
    "departureDelay": 12.5,
    "arrivalDelay": -1.0,
    "lateShare": 0.215,
    "byCarrier": [
        group("DL", "Delta Air Lines Inc.", 1000, -0.5, 0.05),
        group("UA", "United Air Lines Inc.", 770, 20.0, 0.5),
    ],
    "byAirport": [group("EWR", "Newark Liberty Intl", 1770, 8.4, 0.2)],
    "byHour": [group("5", "5", 1770, 8.4, 0.2)],
}


def test_format_report_of_a_result() -> None:
    assert report.format_report(RESULT).splitlines() == [
        "Leaving New York, 2013-01-01 to 2013-01-02",
        "1,785 flights planned, 1,770 counted here",
        "Dropped, as their delay is unknown: 12 cancelled, 3 diverted",
        "On average 12.5 minutes late at departure and -1.0 at arrival; 22% left 15+ minutes late",
        "",
        "By carrier, the longest wait first",
        f"  United Air Lines Inc.         20.0 min  {'█' * 24}   50% late of 770",
        f"  Delta Air Lines Inc.          -0.5 min  {' ' * 24}    5% late of 1,000",
        "",
        "By airport",
        f"  Newark Liberty Intl            8.4 min  {'█' * 24}   20% late of 1,770",
        "",
        "By the hour they were to leave",
        f"  05:00                          8.4 min  {'█' * 24}   20% late of 1,770",
    ]


def test_format_report_without_counted_flights() -> None:
    nothing = dict.fromkeys(("departureDelay", "arrivalDelay", "lateShare"))
    views: dict[str, Any] = {"byCarrier": [], "byAirport": [], "byHour": []}
    empty = {
        **RESULT,
        **nothing,
        **views,
        "scheduled": 2,
        "counted": 0,
        "dropped": {"cancelled": 2},
    }
    assert report.format_report(empty).splitlines()[1:] == [
        "2 flights planned, 0 counted here",
        "Dropped, as their delay is unknown: 2 cancelled",
    ]


@given(st.floats(-500, 500), st.floats(-500, 500))
def test_draw_bar_grows_with_its_value_up_to_its_width(one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert len(report.draw_bar(least, most)) <= len(report.draw_bar(most, most)) <= report.WIDTH
    assert set(report.draw_bar(least, most)) <= set(report.EIGHTHS.strip())


def test_draw_bar_draws_eighths() -> None:
    assert [report.draw_bar(eighths, 16, width=2) for eighths in (0, 1, 4, 8, 15)] == [
        *("", "▏", "▌", "█", "█▉"),
    ]


def test_report_script_prints_the_newest_result(tmp_path: Path) -> None:
    for run, age in (("7", 300), ("9", 10), ("8", 100)):
        file = tmp_path / run / "summary.json"
        file.parent.mkdir()
        file.write_text(json.dumps({**RESULT, "startDate": f"run {run}"}))
        moment = 1_000_000_000 - age
        os.utime(file, (moment, moment))
    (tmp_path / "10").mkdir()

    done = run_task("report", f"--data={tmp_path}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Leaving New York, run 9 to")


def test_find_newest_without_result_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Run the job 'etl' first"):
        report.find_newest(tmp_path / "nowhere")
