"""The history of a job, as a client without scripts sees it."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from tests.console.support import run, text_of


@pytest.mark.parametrize(("page_size", "read"), [(2, 4), (3, 3)])
def test_history_pages_contain_every_run(
    app: Flask, monkeypatch: pytest.MonkeyPatch, page_size: int, read: int
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.PAGE_SIZE", page_size)
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.READ_SIZE", read)
    client = app.test_client()
    started = {run(app, "flaky") for _ in range(5)}
    seen: list[int] = []
    url = "/jobs/flaky"
    while url:
        page = client.get(url).text
        seen += [int(found) for found in re.findall(r'data-part="run-(\d+)"', page)]
        older = re.search(r'rel="next" href="([^"]+)"', page)
        url = html.unescape(older[1]) if older else ""
    assert len(seen) == len(set(seen))
    assert started <= set(seen)


def test_history_filters_by_outcome_and_person(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    row = f'data-part="run-{run_id}"'
    assert row in client.get("/jobs/broken?outcome=bad").text
    assert row not in client.get("/jobs/broken?outcome=good").text
    assert row in client.get("/jobs/broken?who=localhost").text
    assert "None of the runs read so far match" in client.get("/jobs/broken?who=nobody").text


def test_history_filter_reads_older_runs_and_says_how_far(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.READ_SIZE", 3)
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.MAX_READS", 2)
    client = app.test_client()
    repaired = run(app, "flaky")
    with app.app_context():
        current_jobs["flaky"].repair_run(repaired)
        current_jobs["flaky"].wait(repaired)
    for _ in range(6):
        run(app, "flaky")
    first = client.get("/jobs/flaky?outcome=good")
    assert "None of the runs read so far match." in first.text
    assert re.search(r"Read 5 runs, back to \S+", text_of(first.text))
    further = re.search(r'rel="next" href="([^"]+)">Search older runs', first.text)
    assert further
    assert f"/runs/{repaired}" in client.get(html.unescape(further[1])).text


def test_history_filter_says_when_all_runs_were_read(app: Flask) -> None:
    run(app, "broken")
    page = text_of(app.test_client().get("/jobs/broken?who=nobody").text)
    assert "there are no older ones" in page
    assert "Search older runs" not in page


def test_history_invalid_page_token_is_400(app: Flask) -> None:
    assert app.test_client().get("/jobs/broken?pageToken=x").status_code == 400
