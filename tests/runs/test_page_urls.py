"""Addresses of the pages of runs in Databricks."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.runs.page_urls import build_run_url, normalize_page_url


@pytest.mark.parametrize(
    ("url", "expected"),
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
def test_normalize_page_url_rewrites_old_addresses(url: str | None, expected: str | None) -> None:
    assert normalize_page_url(url) == expected


@pytest.mark.parametrize("url", ["http://[", "https://a]b", "http://\u2100.com"])
def test_malformed_page_address_is_none(url: str) -> None:
    assert normalize_page_url(url) is None
    assert build_run_url(url, 4, 5) is None


def test_build_run_url_from_the_page_of_another_run() -> None:
    sibling = "https://x.cloud/?o=1#job/2/run/3"
    assert build_run_url(sibling, 4, 5) == "https://x.cloud/jobs/4/runs/5?o=1"
    assert build_run_url(None, 4, 5) is None
