"""The example's page in Chromium, behind gunicorn, with real data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import tests.example.conftest  # noqa: F401  (imports the example without settings of the environment)
from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.example.support import Site, serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: The result of a run, not the sample.
RESULT = "#result:not([hidden]):has(#sample-note[hidden])"

SERVERS = {
    "gthread": ["--workers=2", "--worker-class=gthread", "--threads=8"],
    "sync": ["--workers=2"],
}

#: For tests of what the server decides: whether the page follows a stream or polls.
on_every_server = pytest.mark.parametrize("site", SERVERS, indirect=True)


@pytest.fixture(scope="module", params=["gthread"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("instance"), *SERVERS[request.param]) as site:
        yield site


def start(page: Page, *, until: str) -> None:
    page.fill("#startDate", "2013-01-01")
    page.fill("#endDate", until)
    page.click("button.primary")


def count_runs(site: Site) -> int:
    return len(site.request("/api/jobs/etl/runs?limit=100").json()["runs"])


@on_every_server
def test_example_journey_from_form_to_charts(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.url)
    start(page, until="2013-01-02")
    page.wait_for_selector(RESULT)
    assert page.text_content("#run-state") == "succeeded"
    assert page.locator(".task").count() == 6
    page.click("#write-report")
    page.wait_for_selector("#report:not([hidden])")
    assert "Leaving New York" in (page.text_content("#report") or "")


def test_example_first_visit_shows_a_sample(
    site: Site, open_page: OpenPage, check_accessibility: CheckAccessibility
) -> None:
    page = open_page(site.url)
    page.wait_for_selector("#sample-note:visible")
    assert page.text_content("#result-title") == "Example: January 1 \u2013 31, 2013"
    assert page.locator("#charts tbody tr").count() == 19
    check_accessibility(page)


def test_example_failed_run_is_repaired(
    site: Site, open_page: OpenPage, check_accessibility: CheckAccessibility
) -> None:
    page = open_page(site.url)
    page.check("#failOnce")
    start(page, until="2013-01-02")
    page.wait_for_selector("#failure:has-text('asked to fail once')")
    page.click("#repair")
    page.wait_for_selector("#failure", state="hidden")
    page.wait_for_selector(RESULT)
    assert page.text_content("#run-title") == "January 1 \u2013 2, 2013"
    assert page.text_content("#run-state") == "succeeded"
    check_accessibility(page)


def test_example_double_click_starts_one_run(site: Site, open_page: OpenPage) -> None:
    before = count_runs(site)
    page = open_page(site.url)
    page.fill("#endDate", "2013-01-03")
    page.dblclick("button.primary")
    page.wait_for_selector(RESULT)
    assert count_runs(site) == before + 1


def test_example_form_error_is_at_its_field(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.url)
    start(page, until="2012-12-31")
    page.wait_for_selector("#endDate-error:not(:empty)")
    assert page.evaluate("document.activeElement.id") == "endDate"


@on_every_server
def test_example_page_survives_killed_workers(site: Site, open_page: OpenPage) -> None:
    """The page shows the end of a run whose workers were killed, without a second run."""
    before = count_runs(site)
    page = open_page(site.url)
    start(page, until="2013-03-31")
    page.wait_for_selector(".task")
    site.kill_workers()
    page.wait_for_selector(RESULT)
    assert page.text_content("#run-state") == "succeeded"
    assert page.is_hidden("#problem")
    assert count_runs(site) == before + 1


def test_example_cancels_a_run(site: Site, open_page: OpenPage) -> None:
    page = open_page(site.url)
    start(page, until="2013-12-30")
    page.click("#cancel")
    page.wait_for_selector("#run-state:text-is('canceled')")


def test_example_shows_error_of_missing_run(site: Site, open_page: OpenPage) -> None:
    page = open_page(f"{site.url}/?run=99")
    page.wait_for_selector("#problem:not([hidden])")
    assert "no run 99" in (page.text_content("#problem") or "")
