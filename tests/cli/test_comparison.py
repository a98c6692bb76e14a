"""The comparison of two runs as text."""

from __future__ import annotations

import click

from flask_lakeflow_jobs.cli.comparison import format_comparison
from flask_lakeflow_jobs.runs.comparison import compare_runs
from tests.run_documents import FAILED, SUCCEEDED, run, task

ERROR = "check: a long error that says which rows of which table were not as they should be"


def test_comparison_fits_the_terminal_and_keeps_its_errors_whole() -> None:
    runs = [
        run(SUCCEEDED, run_id=1, start_time=1000, end_time=3000, tasks=[task("load", SUCCEEDED)]),
        run(FAILED, run_id=2, start_time=5000, end_time=9000, tasks=[task("check", FAILED)]),
    ]
    compared = compare_runs(runs, ["", ERROR], 10_000)
    lines = [click.unstyle(line) for line in format_comparison(compared, 60)]
    error = f"Error of run 2: {ERROR}"
    assert error in lines
    assert max(len(line) for line in lines if line != error) <= 60
    rows = [line.split() for line in lines]
    assert ["Duration", "2.0", "s", "4.0", "s", "+2.0", "s"] in rows
    assert ["load", "SUCCEEDED", "-"] in rows
