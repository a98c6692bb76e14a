"""Titles of jobs on pages: the key, and what the definition says."""

from __future__ import annotations

import dataclasses

import pytest
from databricks.sdk.service.jobs import JobSettings

from flask_lakeflow_jobs.console.page_data import JobTitle, build_title
from tests.run_documents import build_job


@pytest.mark.parametrize(
    ("settings", "own", "title"),
    [
        (None, None, JobTitle("etl")),
        (None, "Ours", JobTitle("etl", None, "Ours")),
        (JobSettings(name="etl"), None, JobTitle("etl")),
        (JobSettings(name="Load", description="Loads."), None, JobTitle("etl", "Load", "Loads.")),
        (JobSettings(name="Load", description="Loads."), "Ours", JobTitle("etl", "Load", "Ours")),
    ],
)
def test_title_prefers_the_description_of_the_app(
    settings: JobSettings | None, own: str | None, title: JobTitle
) -> None:
    assert build_title(dataclasses.replace(build_job(), description=own), settings) == title
