"""The parameters that a run has, and how they compare with those of a request."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs.runs.run_parameters import (
    ParameterMatch,
    compare_parameters,
    parameters_of,
)
from tests.run_documents import run


def test_parameters_of_run_are_defaults_and_overrides() -> None:
    given = run(
        job_parameters=[
            {"name": "day", "default": "1"},
            {"name": "to", "default": "1", "value": "2"},
        ],
        overriding_parameters={"python_params": ["a", "b"], "notebook_params": {"x": "y"}},
    )
    assert parameters_of(given) == {"day": "1", "to": "2", "python_params": "a b", "x": "y"}


STARTED = run(
    overriding_parameters={"notebook_params": {"day": "2025-01-01"}},
    job_parameters=[
        {"name": "full", "default": "false", "value": "true"},
        {"name": "left", "default": "alone", "value": "alone"},
        {"name": "unset", "default": "x"},
    ],
)
RESOLVED = run(job_parameters=[{"name": "day", "default": "{{job.start_time.day}}", "value": "7"}])
REFRESHED = run(overriding_parameters={"pipeline_params": {"full_refresh": True}})
DAY = {"day": "2025-01-01"}
FULL = {"full": "true"}

SAME, DIFFERENT, UNKNOWN = ParameterMatch.SAME, ParameterMatch.DIFFERENT, ParameterMatch.UNKNOWN


@pytest.mark.parametrize(
    ("started", "fields", "expected"),
    [
        (STARTED, {"notebook_params": DAY, "job_parameters": FULL}, SAME),
        (STARTED, {"notebook_params": DAY, "job_parameters": {**FULL, "left": "alone"}}, SAME),
        (STARTED, {"notebook_params": DAY, "job_parameters": {**FULL, "unset": "x"}}, SAME),
        (STARTED, {"notebook_params": DAY, "job_parameters": {"full": "{{job.id}}"}}, SAME),
        (STARTED, {"notebook_params": DAY, "job_parameters": {"full": "false"}}, DIFFERENT),
        (STARTED, {"notebook_params": DAY, "job_parameters": {**FULL, "left": "x"}}, DIFFERENT),
        (STARTED, {"notebook_params": {"day": "2025-01-02"}, "job_parameters": FULL}, DIFFERENT),
        (STARTED, {"job_parameters": FULL}, DIFFERENT),
        (STARTED, {"notebook_params": DAY}, DIFFERENT),
        (STARTED, {}, DIFFERENT),
        (STARTED, {"notebook_params": {**DAY, "x": "1"}, "job_parameters": FULL}, UNKNOWN),
        (STARTED, {"notebook_params": DAY, "job_parameters": FULL, "sql_params": DAY}, UNKNOWN),
        (STARTED, {"notebook_params": {"x": "1"}, "job_parameters": FULL}, DIFFERENT),
        (RESOLVED, {}, SAME),
        (RESOLVED, {"job_parameters": {"day": "7"}}, SAME),
        (RESOLVED, {"job_parameters": {"day": "8"}}, DIFFERENT),
        (run(), {}, SAME),
        (run(), {"job_parameters": {}}, SAME),
        (run(), {"python_params": []}, SAME),
        (run(), {"python_params": ["x"]}, UNKNOWN),
        (REFRESHED, {"pipeline_params": {"full_refresh": True}}, SAME),
        (REFRESHED, {"pipeline_params": {"full_refresh": False}}, DIFFERENT),
    ],
)
def test_compare_parameters_of_run_and_request(
    started: Run, fields: dict[str, Any], expected: ParameterMatch
) -> None:
    assert compare_parameters(started, fields, ignored=set()) is expected


@pytest.mark.parametrize(
    ("requested", "expected"),
    [(DAY, SAME), ({**DAY, "token": "other"}, SAME), ({"day": "other"}, DIFFERENT)],
)
def test_compare_parameters_ignores_one(
    requested: dict[str, Any], expected: ParameterMatch
) -> None:
    stated = [{"name": "token", "value": "1"}, *({"name": k, "value": v} for k, v in DAY.items())]
    started = run(job_parameters=stated)
    assert compare_parameters(started, {"job_parameters": requested}, ignored={"token"}) is expected
