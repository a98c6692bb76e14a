from __future__ import annotations

import csv
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from example_app.tasks import aggregate
from tests.example.support import run_task

delays = st.integers(-60, 1500).map(str)
flights = st.lists(
    st.fixed_dictionaries(
        {
            "carrier": st.sampled_from(["UA", "B6", "DL"]),
            "origin": st.sampled_from(["EWR", "JFK", "LGA"]),
            "hour": st.integers(5, 23).map(str),
            "dep_delay": delays,
            "arr_delay": delays,
        }
    )
)
columns = st.sampled_from(["carrier", "origin", "hour"])

ROWS = [
    {"carrier": "UA", "origin": "EWR", "hour": "5", "dep_delay": "15", "arr_delay": "-3"},
    {"carrier": "B6", "origin": "JFK", "hour": "6", "dep_delay": "-4", "arr_delay": "0"},
    {"carrier": "UA", "origin": "JFK", "hour": "5", "dep_delay": "14", "arr_delay": "20"},
]


def test_sum_delays_groups_by_column() -> None:
    assert aggregate.sum_delays(ROWS, "carrier") == {
        "B6": {"flights": 1, "departure": -4, "arrival": 0, "late": 0},
        "UA": {"flights": 2, "departure": 29, "arrival": 17, "late": 1},
    }


def test_sum_delays_sorts_hours_as_numbers() -> None:
    rows = [{**ROWS[0], "hour": hour} for hour in ("23", "5", "10", "9")]
    assert list(aggregate.sum_delays(rows, "hour")) == ["5", "9", "10", "23"]


@given(flights, columns)
def test_sum_delays_preserves_totals_for_any_column(
    rows: list[dict[str, str]], column: str
) -> None:
    groups = aggregate.sum_delays(rows, column)
    assert sum(group["flights"] for group in groups.values()) == len(rows)
    assert sum(group["departure"] for group in groups.values()) == sum(
        int(row["dep_delay"]) for row in rows
    )
    assert sum(group["arrival"] for group in groups.values()) == sum(
        int(row["arr_delay"]) for row in rows
    )
    assert sum(group["late"] for group in groups.values()) == sum(
        int(row["dep_delay"]) >= 15 for row in rows
    )


@given(flights, columns, st.randoms())
def test_sum_delays_is_independent_of_the_order_of_flights(rows, column, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = random.sample(rows, len(rows))
    in_order, out_of_order = (aggregate.sum_delays(each, column) for each in (rows, shuffled))
    assert list(in_order.items()) == list(out_of_order.items())


def test_aggregate_script_writes_its_file(tmp_path: Path) -> None:
    with (tmp_path / "clean.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)

    done = run_task("aggregate", "--by=origin", f"--folder={tmp_path}")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "EWR        1 flights,  15.0 min on average, 100% late",
        "JFK        2 flights,   5.0 min on average,   0% late",
    ]
    assert json.loads((tmp_path / "by_origin.json").read_text()) == {
        "EWR": {"flights": 1, "departure": 15, "arrival": -3, "late": 1},
        "JFK": {"flights": 2, "departure": 10, "arrival": 20, "late": 0},
    }
    assert run_task("aggregate", "--by=tail", f"--folder={tmp_path}").returncode == 2


def test_aggregate_script_fails_once_if_asked_to(tmp_path: Path) -> None:
    (tmp_path / "clean.csv").write_text(",".join(ROWS[0]))
    arguments = ("aggregate", "--by=hour", f"--folder={tmp_path}", "--fail-once=true")
    first, second = run_task(*arguments), run_task(*arguments)
    assert (first.returncode, second.returncode) == (1, 0)
    assert "Repair the run" in first.stderr
