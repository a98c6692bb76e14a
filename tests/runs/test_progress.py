"""Reports of progress are checked, and what identifies them leaves out their time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.runs.progress import MAX_MESSAGE_CHARS, Progress, RunProgress

TOKEN = "lfjp_Wzcs.x-y_z"
VALID = st.builds(
    Progress.create,
    st.floats(0, 100) | st.integers(0, 100),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50) | st.none(),
    st.sampled_from(["load", "", None]),
    st.integers(0, 2**53),
)


@given(VALID, VALID)
def test_run_progress_survives_storage(one: Progress, other: Progress) -> None:
    whole = RunProgress(one.percent, one.message, one.task, one.timestamp, {"load": other})
    assert Progress.parse(one.to_dict()) == one
    assert RunProgress.parse(whole.to_dict()) == whole


@given(VALID)
def test_report_is_one_line_within_its_limits(report: Progress) -> None:
    assert 0 <= report.percent <= 100
    assert not set(report.message) & set("\n\r\x1b\x00\u2028")
    assert report.task != ""


#: Too large for a float.
HUGE = pytest.param(10**400, id="huge")


@pytest.mark.parametrize(
    "percent", [-0.1, 100.1, float("nan"), float("inf"), HUGE, "1", None, True, []]
)
def test_percent_that_is_no_number_from_0_to_100_is_invalid(percent: Any) -> None:
    with pytest.raises(InvalidParameters, match="number from 0 to 100") as caught:
        Progress.create(percent, "", None, 1)
    assert [*caught.value.messages] == ["percent"]


def test_report_names_every_invalid_value() -> None:
    with pytest.raises(InvalidParameters) as caught:
        Progress.create(101, "x" * (MAX_MESSAGE_CHARS + 1), 5, 1)
    assert [*caught.value.messages] == ["percent", "message", "task"]


def test_message_with_a_token_is_redacted() -> None:
    assert Progress.create(1, f"with {TOKEN}", None, 1).message == "with ***"


@pytest.mark.parametrize(
    "stored", [None, "text", {}, {"percent": "1", "message": "", "task": None, "timestamp": 1}]
)
def test_stored_report_of_another_shape_is_ignored(stored: Any) -> None:
    assert Progress.parse(stored) is None
    assert RunProgress.parse(stored) is None


def test_digest_identifies_what_is_shown_without_its_time() -> None:
    load = Progress(1, "a", "load", 5)
    progress = RunProgress(1, "a", "load", 5, {"load": load})
    same = RunProgress(1, "a", "load", 9, {"load": replace(load, timestamp=9)})
    others = [
        replace(progress, percent=2),
        replace(progress, message="b"),
        replace(progress, task=None),
        replace(progress, tasks={}),
        replace(progress, tasks={"load": replace(load, percent=2)}),
    ]
    assert same.digest == progress.digest
    assert len({progress.digest, *(each.digest for each in others)}) == 6
