"""Labels of outcomes, tasks, times and parameters."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from databricks.sdk.service.jobs import RunTask

from flask_lakeflow_jobs.console import labels
from flask_lakeflow_jobs.runs.outcome import Outcome


def test_every_outcome_has_a_kind_with_a_name() -> None:
    assert set(labels.KINDS) == set(Outcome)
    assert set(labels.KIND_NAMES) == set(labels.KINDS.values())


def test_every_kind_has_an_icon_for_the_tab() -> None:
    static = Path(labels.__file__).parent / "static"
    assert {path.stem for path in static.glob("icon-*.svg")} == {
        f"icon-{kind}" for kind in labels.KIND_NAMES
    }


def test_duration_filter_takes_milliseconds() -> None:
    assert labels.duration(None) == ""
    assert labels.duration(61_900) == "1 min 2 s"
    assert labels.duration(1_900, is_growing=True) == "1 s"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, ""),
        ({"day": "2026-11-23", "note": " ", "to": "a\nb"}, "day=2026-11-23, to=a b"),
        ({"x": "v" * 99}, f"x={'v' * 39}…"),
        ({f"p{number}": "v" * 39 for number in range(9)}, None),
    ],
)
def test_format_parameters_is_one_short_line(parameters: dict[str, str], text: str | None) -> None:
    formatted = labels.format_parameters(parameters)
    assert len(formatted) <= labels.MAX_PARAMETERS_CHARS
    assert text is None or formatted == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3, "just now"), (12, "12 s ago"), (125, "2 min ago"), (90_000, "1 d ago")],
)
def test_format_ago_uses_one_unit(seconds: int, text: str) -> None:
    assert labels.format_ago(seconds * 1000) == text


def test_every_task_kind_of_the_sdk_has_a_label() -> None:
    kinds = {each.name for each in dataclasses.fields(RunTask) if each.name.endswith("_task")}
    assert kinds - set(labels.TASK_KIND_LABELS) == set()
