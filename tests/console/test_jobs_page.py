"""The page of all jobs: order, counts, search and the two views."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs.console import jobs_page
from flask_lakeflow_jobs.console.cards import Card
from flask_lakeflow_jobs.console.jobs_page import Wanted, count_states, matches, sort_cards
from flask_lakeflow_jobs.console.page_data import Permissions
from flask_lakeflow_jobs.console.summaries import StateLabel, Summary
from flask_lakeflow_jobs.errors import JobNotFound
from flask_lakeflow_jobs.runs.outcome import Outcome
from flask_lakeflow_jobs.runs.triggers import Trigger
from tests.console.conftest import MakeShop
from tests.console.support import JOB_IDS, run, text_of

PAUSED_LINK = r'<a href="([^"]*state=paused[^"]*)" data-kind="never"'

NOTHING = Permissions(*[False] * 4)


def summary(outcome: Outcome) -> Summary:
    ended = None if outcome in (Outcome.QUEUED, Outcome.RUNNING) else 1
    return Summary(1, StateLabel(outcome), 1, ended, 1.0, None, None, "")


def card(key: str, *outcomes: Outcome, **given: Any) -> Card:
    """Return a card with runs, the newest first."""
    job = cast("Any", SimpleNamespace(key=key))
    return Card(job, NOTHING, [summary(each) for each in outcomes], **given)


CARDS = [
    card("idle"),
    card("good", Outcome.SUCCEEDED, Outcome.FAILED),
    card("running", Outcome.RUNNING, Outcome.SUCCEEDED),
    card("unreadable", error=JobNotFound("gone")),
    card("failed", Outcome.FAILED, Outcome.SUCCEEDED),
    card("paused", triggers=[Trigger("every day", True)]),
    card("half-paused", triggers=[Trigger("every day", True), Trigger("every hour", False)]),
    card("late", Outcome.QUEUED, Outcome.TIMED_OUT),
    card("canceled", Outcome.CANCELED, Outcome.FAILED),
]


def test_cards_are_sorted_with_failing_jobs_first() -> None:
    assert [each.job.key for each in sort_cards(CARDS)] == [
        *("failed", "late", "unreadable", "running"),
        *("idle", "good", "paused", "half-paused", "canceled"),
    ]


def test_states_are_counted_if_any_job_is_in_them() -> None:
    assert count_states(CARDS) == {"failing": 2, "running": 1, "paused": 1, "unreadable": 1}
    assert count_states(CARDS[:1]) == {}


@pytest.mark.parametrize(
    ("text", "is_match"),
    [("", True), ("etl", True), ("ORDERS nightly", True), ("orders x", False), ("tl_n", True)],
)
def test_search_finds_all_words_in_any_case_and_order(text: str, is_match: bool) -> None:
    assert matches(text, "etl_nightly", None, "Loads Orders") is is_match


def test_unknown_values_of_query_count_as_empty(app: Flask) -> None:
    wanted = Wanted.of({"q": " x ", "state": "lost", "view": "map"})
    assert wanted == Wanted("x")
    with app.test_request_context():
        assert wanted.url(state="failing", page=2) == "/jobs/?q=x&state=failing&page=2"
        assert wanted.url(q=None) == "/jobs/"


def rows_of(page: str) -> list[str]:
    return re.findall(r'<tr data-part="job-(\w+)"', page)


def test_jobs_page_filters_by_text_and_state(client: FlaskClient, app: Flask) -> None:
    run_id = run(app, "broken")
    page = client.get("/jobs/?view=table").text
    rows = rows_of(page)
    assert rows.index("broken") < rows.index("hourly"), "failing jobs come first"
    assert f'href="/jobs/broken/runs/{run_id}" data-kind="bad" data-height=' in page
    assert 'aria-label="Last run: failed"' in page
    assert re.search(r"7 jobs \d failing (?:\d running )?1 paused", text_of(page))
    assert rows_of(client.get("/jobs/?view=table&q=fails+NOW").text) == ["flaky"]
    assert rows_of(client.get("/jobs/?view=table&state=paused").text) == ["hourly"]
    assert rows_of(client.get("/jobs/?view=table&q=says").text) == ["listed"]
    nothing = client.get("/jobs/?q=<b>&state=failing").text
    assert "No job matches." in nothing
    assert 'value="&lt;b&gt;"' in nothing


def test_jobs_page_finds_names_of_definitions(make_shop: MakeShop) -> None:
    client = make_shop(jobs={"by_hand": {"job_id": JOB_IDS["alone"]}}).test_client()
    assert rows_of(client.get("/jobs/?view=table&q=ALONE").text) == ["by_hand"]


def test_search_in_more_jobs_than_one_page_has_finds_those_of_all_pages(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_page, "CARDS_PER_PAGE", 3)
    pages = [rows_of(client.get(f"/jobs/?view=table&page={at}").text) for at in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert len({*pages[0], *pages[1], *pages[2]}) == 7
    assert rows_of(client.get("/jobs/?view=table&q=says").text) == ["listed"]


def test_count_of_jobs_in_a_state_leads_to_these_jobs_of_the_same_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_page, "CARDS_PER_PAGE", 1)
    pages = [client.get(f"/jobs/?view=table&page={at}").text for at in range(2, 8)]
    (link,) = (html.unescape(each) for page in pages for each in re.findall(PAUSED_LINK, page))
    shown = client.get(link).text
    assert rows_of(shown) == ["hourly"]
    (whole,) = re.findall(r'<a href="([^"]*)"><strong>1</strong> job<', shown)
    assert rows_of(client.get(html.unescape(whole)).text) == ["hourly"]


def test_jobs_page_of_many_jobs_is_a_table(make_shop: MakeShop) -> None:
    few, many = (
        make_shop(jobs={f"more{at}": {"job_id": 1} for at in range(count)}).test_client()
        for count in (17, 18)
    )
    assert "<table" not in few.get("/jobs/").text
    assert "<table" in few.get("/jobs/?view=table").text
    assert "<table" in many.get("/jobs/").text
    assert "<table" not in many.get("/jobs/?view=cards").text


@pytest.mark.parametrize("view", ["cards", "table"])
def test_job_has_a_part_of_its_own_whatever_its_key_is(make_shop: MakeShop, view: str) -> None:
    """The script of the page finds a part by its name, and the page has parts without jobs."""
    app = make_shop(jobs={key: {"job_id": 7} for key in ("now", "jobs", "counts")})
    page = app.test_client().get(f"/jobs/?view={view}").text
    names = re.findall(r'data-part="([^"]+)"', page)
    assert sorted({*names} - {"now"}) == sorted(name for name in names if name != "now")
    assert {"job-now", "job-jobs", "job-counts"} <= {*names}
