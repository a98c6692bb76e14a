"""Times on the pages of the console, in Chromium: the reader's zone, UTC, or relative."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.browser.conftest import OpenPage
from tests.conftest import Serve
from tests.console.support import run, start
from tests.support import RunGate

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.console.conftest import MakeShop

TIME = ".lf-row-link time >> nth=0"

ADDS_SHIFTS = """window.shifts = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true })"""


def choose(page: Page, label: str) -> None:
    page.click("[popovertarget=lf-display]")
    page.check(f"#lf-display label:text-is('{label}') input")
    page.keyboard.press("Escape")


def test_times_are_local_utc_or_relative_and_move_nothing(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage
) -> None:
    app = make_shop()
    run(app, "hourly")
    url = f"{serve(app)}/jobs/hourly"
    scriptless = open_page(url, java_script_enabled=False)
    utc = scriptless.inner_text(TIME)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", utc)
    page = open_page(url, timezone_id="Asia/Kolkata")
    page.add_init_script(ADDS_SHIFTS)
    page.wait_for_selector("time[title*='+05:30']", state="attached")
    local = page.inner_text(TIME)
    assert local != utc
    assert page.get_attribute(TIME, "title") == f"{local} UTC+05:30\n{utc}"
    assert page.text_content("[data-zone]") == "(local: UTC+05:30)"
    choose(page, "UTC")
    assert page.inner_text(TIME) == utc
    choose(page, "Relative")
    assert "now" in page.inner_text(TIME) or "ago" in page.inner_text(TIME)
    assert page.is_hidden(".lf-also")
    for choice in ("Relative", "Local time"):
        choose(page, choice)
        page.reload()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.shifts") < 0.01, choice


def test_relative_times_do_not_depend_on_the_clock_of_the_browser(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage
) -> None:
    app = make_shop()
    run(app, "hourly")
    page = open_page(timezone_id="Asia/Kolkata")
    page.add_init_script("const now = Date.now; Date.now = () => now() - 3_600_000;")
    for path in ("jobs", "jobs/hourly", "jobs/hourly/run"):
        page.goto(f"{serve(app)}/{path}")
        ago = page.locator("time[data-form=ago][title*='+05:30'] >> nth=0")
        ago.wait_for(state="attached")
        assert not str(ago.text_content()).strip().startswith("in "), path


def test_tab_shows_the_state_of_the_run(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    app = make_shop()
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{serve(app)}/jobs/gated/runs/{run_id}")
    icon = "link[data-state-icon]"
    page.wait_for_selector(f"{icon}[href$='icon-going.svg']", state="attached")
    assert re.match(r"running: gated, \d{4}-\d\d-\d\d \d\d:\d\d UTC", page.title())
    run_gate.open()
    page.wait_for_selector(f"{icon}[href$='icon-good.svg']", state="attached")
    assert page.title().startswith("succeeded: gated")
