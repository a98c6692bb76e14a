"""The pages of runs: under addresses that work for everybody, and nothing else is a link."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.runs.ids import build_run_url, normalize_page_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, None),
        ("", None),
        ("https://host/?o=1#job/11/run/22", "https://host/jobs/11/runs/22?o=1"),
        ("https://host/#job/11/run/22", "https://host/jobs/11/runs/22"),
        ("https://host/?o=1#job/11/run/2/x", "https://host/?o=1#job/11/run/2/x"),
        ("https://host/jobs/11/runs/22?o=1", "https://host/jobs/11/runs/22?o=1"),
        ("http://127.0.0.1:4/jobs/11/runs/22", "http://127.0.0.1:4/jobs/11/runs/22"),
        ("no url at all", None),
        ("javascript:alert(1)", None),
    ],
)
def test_old_page_addresses_are_put_right(url: str | None, shown: str | None) -> None:
    assert normalize_page_url(url) == shown


def test_the_page_of_a_run_is_found_by_that_of_another() -> None:
    sibling = "https://x.cloud/?o=1#job/2/run/3"
    assert build_run_url(sibling, 4, 5) == "https://x.cloud/jobs/4/runs/5?o=1"
    assert build_run_url(None, 4, 5) is None
