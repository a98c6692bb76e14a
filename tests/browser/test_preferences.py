"""The reader's preferences and the keyboard shortcuts of the console, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.console.support import run
from tests.support import wait_until

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

#: For tests of what has another place on a phone.
at_two_widths = pytest.mark.parametrize("width", [1920, 390])


@pytest.fixture
def width() -> int:
    return 1280


@pytest.fixture
def jobs_page(site: str, open_page: OpenPage, width: int) -> Page:
    return open_page(f"{site}/jobs", viewport={"width": width, "height": 900})


def choose(page: Page, label: str) -> None:
    page.click("[popovertarget=lf-display]")
    page.check(f"#lf-display label:text-is('{label}') input")
    page.keyboard.press("Escape")


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_theme_and_density_are_kept_in_the_browser(jobs_page: Page) -> None:
    light = ground(jobs_page)
    choose(jobs_page, "Dark")
    choose(jobs_page, "Compact")
    dark = ground(jobs_page)
    assert dark != light
    jobs_page.reload()
    assert ground(jobs_page) == dark
    assert jobs_page.get_attribute("html", "data-lf-density") == "compact"
    choose(jobs_page, "As the system")
    assert ground(jobs_page) == light
    assert jobs_page.evaluate("Object.keys(localStorage)") == ["lf-density"]


def test_theme_is_set_before_the_body_is_parsed(jobs_page: Page) -> None:
    jobs_page.evaluate("localStorage['lf-theme'] = 'dark'")
    jobs_page.add_init_script(
        "new MutationObserver((_, self) => { if (document.body) { window.atBody ="
        " document.documentElement.dataset.lfTheme; self.disconnect(); } })"
        ".observe(document, { childList: true, subtree: true })"
    )
    jobs_page.reload()
    assert jobs_page.evaluate("window.atBody") == "dark"


def test_shortcuts_lead_to_pages_but_not_while_typing(jobs_page: Page, site: str) -> None:
    jobs_page.goto(f"{site}/jobs/nightly")
    jobs_page.focus("[name=who]")
    jobs_page.keyboard.type("rr?")
    assert jobs_page.input_value("[name=who]") == "rr?"
    assert jobs_page.url.endswith("/jobs/nightly")
    jobs_page.focus("h1 >> xpath=ancestor::main")
    jobs_page.keyboard.type("xg")
    with jobs_page.expect_navigation():
        jobs_page.keyboard.type("j")
    assert jobs_page.url.endswith("/jobs/")


def test_shortcut_of_a_link_that_a_narrow_page_lacks_leads_to_its_page(
    jobs_page: Page, site: str
) -> None:
    jobs_page.set_viewport_size({"width": 640, "height": 400})  # 200 % of 1280 by 800
    jobs_page.goto(f"{site}/jobs/nightly")
    with jobs_page.expect_navigation():
        jobs_page.keyboard.type("gr")
    assert jobs_page.url.endswith("/jobs/~runs")


def test_shortcut_on_a_field_puts_the_cursor_there(jobs_page: Page, site: str) -> None:
    jobs_page.goto(f"{site}/jobs/nightly")
    jobs_page.evaluate("document.querySelector('[name=who]').dataset.shortcut = '/'")
    jobs_page.keyboard.press("/")
    jobs_page.keyboard.type("ann")
    assert jobs_page.input_value("[name=who]") == "ann"


def test_shortcuts_do_not_wait_for_the_other_scripts(jobs_page: Page, site: str) -> None:
    jobs_page.route("**/~static/live_run.js", lambda _: None)  # is never answered
    jobs_page.goto(f"{site}/jobs", wait_until="commit")
    jobs_page.wait_for_selector("[name=q]")

    def focus_search() -> bool:
        jobs_page.keyboard.press("/")
        return bool(jobs_page.evaluate("document.activeElement.name === 'q'"))

    wait_until(focus_search, "the cursor in the search")


@at_two_widths
def test_question_mark_lists_the_shortcuts_of_the_page(
    app: Flask, jobs_page: Page, site: str, check_accessibility: CheckAccessibility
) -> None:
    jobs_page.goto(f"{site}/jobs/broken/runs/{run(app, 'broken')}")
    jobs_page.keyboard.press("?")
    rows = jobs_page.locator("#lf-shortcuts[open] dl > div").all_inner_texts()
    listed = dict(row.rsplit("\n", 1) for row in rows)
    assert listed["r"] == "Run again"
    assert listed["?"] == "Show this list"
    check_accessibility(jobs_page)
    jobs_page.keyboard.press("r")
    assert jobs_page.locator("#lf-shortcuts").is_visible()
    jobs_page.keyboard.press("Escape")
    assert jobs_page.locator("#lf-shortcuts").is_hidden()


@at_two_widths
def test_display_menu_works_and_switches_shortcuts_off(
    jobs_page: Page, check_accessibility: CheckAccessibility
) -> None:
    jobs_page.focus("[popovertarget=lf-display]")
    jobs_page.keyboard.press("Enter")
    check_accessibility(jobs_page)
    jobs_page.click("text='Show all shortcuts'")
    assert jobs_page.locator("#lf-shortcuts").is_visible()
    jobs_page.click("text='Close'")
    choose(jobs_page, "Off")
    jobs_page.keyboard.press("?")
    assert jobs_page.locator("#lf-shortcuts").is_hidden()


def test_display_menu_fits_a_page_at_400_percent(jobs_page: Page) -> None:
    jobs_page.set_viewport_size({"width": 320, "height": 256})
    jobs_page.click("text='Display'")
    choice = jobs_page.get_by_role("button", name="Show all shortcuts")
    choice.scroll_into_view_if_needed()
    box = choice.bounding_box()
    assert box
    assert box["y"] + box["height"] <= 256


@at_two_widths
def test_display_menu_without_scripts_is_hidden(site: str, open_page: OpenPage, width: int) -> None:
    page = open_page(
        f"{site}/jobs", java_script_enabled=False, viewport={"width": width, "height": 800}
    )
    assert page.locator("[popovertarget=lf-display]").is_hidden()
    assert page.locator("#lf-display").is_hidden()
    assert page.locator("#lf-shortcuts").is_hidden()


@at_two_widths
def test_header_and_content_have_the_same_edges(jobs_page: Page, width: int) -> None:
    left = "document.querySelector('{}').getBoundingClientRect().left"
    brand, card = (jobs_page.evaluate(left.format(each)) for each in (".lf-brand", ".lf-card"))
    assert brand == card


@at_two_widths
def test_run_parameters_are_beside_the_head_of_a_wide_page(
    app: Flask, jobs_page: Page, site: str, width: int
) -> None:
    run_id = run(app, "nightly", {"day": "2026-11-20"})
    jobs_page.goto(f"{site}/jobs/nightly/runs/{run_id}")
    head, parameters = (
        jobs_page.locator(each).bounding_box() for each in (".lf-head", "[data-part=parameters]")
    )
    assert head
    assert parameters
    assert (head["y"] == parameters["y"]) == (width == 1920)
