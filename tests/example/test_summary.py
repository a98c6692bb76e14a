"""The notebook of the example, with a simulated ``dbutils``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.example.support import EXAMPLE

NAMES = {"carrier": {"UA": "United Air Lines Inc."}, "origin": {"EWR": "Newark", "JFK": "Kennedy"}}


def run_notebook(folder: Path, **files: Any) -> dict[str, Any]:
    for name, content in {"names": NAMES, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    for name in ("flights.csv", "clean.csv"):
        (folder / name).touch()
    widgets = {"folder": str(folder), "startDate": "2013-01-01", "endDate": "2013-01-02"}
    exit_values: list[str] = []
    dbutils = SimpleNamespace(
        widgets=SimpleNamespace(get=widgets.__getitem__),
        notebook=SimpleNamespace(exit=exit_values.append),
    )
    source = (EXAMPLE / "tasks" / "summary.py").read_text()
    exec(compile(source, "summary", "exec"), {"dbutils": dbutils})  # noqa: S102
    (text,) = exit_values
    assert json.loads((folder / "summary.json").read_text()) == json.loads(text)
    result: dict[str, Any] = json.loads(text)
    return result


def sums(flights: int, departure: int, arrival: int, late: int) -> dict[str, int]:
    return {"flights": flights, "departure": departure, "arrival": arrival, "late": late}


def test_summary_has_means_and_names(tmp_path: Path) -> None:
    result = run_notebook(
        tmp_path,
        by_carrier={"UA": sums(3, 10, -4, 1), "ZZ": sums(1, -2, 0, 0)},
        by_hour={"9": sums(3, 10, -4, 1), "10": sums(1, -2, 0, 0)},
        by_origin={"EWR": sums(3, 10, -4, 1), "JFK": sums(1, -2, 0, 0)},
        dropped={"cancelled": 2},
    )
    assert result["scheduled"] == 6
    assert result["counted"] == 4
    assert (result["departureDelay"], result["arrivalDelay"], result["lateShare"]) == (2, -1, 0.25)
    assert result["byCarrier"][0] == {
        "key": "UA",
        "name": "United Air Lines Inc.",
        "flights": 3,
        "departureDelay": 3.3,
        "arrivalDelay": -1.3,
        "lateShare": 0.333,
    }
    assert [each["name"] for each in result["byCarrier"]] == ["United Air Lines Inc.", "ZZ"]
    assert [each["name"] for each in result["byAirport"]] == ["Newark", "Kennedy"]
    assert [each["key"] for each in result["byHour"]] == ["9", "10"]


def test_summary_removes_the_intermediate_files(tmp_path: Path) -> None:
    view = {"EWR": sums(1, 0, 0, 0)}
    run_notebook(tmp_path, by_carrier=view, by_hour={}, by_origin=view, dropped={})
    assert not list(tmp_path.glob("*.csv"))
    assert not list(tmp_path.glob("*.draft"))


def test_summary_without_counted_flights_has_no_means(tmp_path: Path) -> None:
    result = run_notebook(
        tmp_path, by_carrier={}, by_hour={}, by_origin={}, dropped={"cancelled": 1}
    )
    assert (result["scheduled"], result["counted"]) == (1, 0)
    assert result["departureDelay"] is None
    assert result["byCarrier"] == []


def test_summary_is_a_databricks_notebook() -> None:
    first, *_ = (EXAMPLE / "tasks" / "summary.py").read_text().splitlines()
    assert first == "# Databricks notebook source"


@pytest.mark.parametrize("name", ["extract", "clean", "aggregate", "report"])
def test_scripts_avoid_what_serverless_compute_lacks(name: str) -> None:
    source = (EXAMPLE / "tasks" / f"{name}.py").read_text()
    assert "__file__" not in source.replace("``__file__``", "")
    assert "sys.exit" not in source
