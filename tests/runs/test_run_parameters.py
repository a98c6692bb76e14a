"""The parameters that a run has."""

from __future__ import annotations

from flask_lakeflow_jobs.runs.run_parameters import parameters_of
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
