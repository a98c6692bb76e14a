"""The page of all jobs in Chromium: the keyboard, tooltips and accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.local.support import simulated_job, simulated_task, write_bundle
from tests.support import RunGate

if TYPE_CHECKING:
    from tests.console.conftest import MakeShop


@pytest.mark.parametrize("view", ["cards", "table"])
def test_bars_have_tooltips_and_links_by_keyboard(
    app: Flask, site: str, open_page: OpenPage, check_accessibility: CheckAccessibility, view: str
) -> None:
    older, newer = run(app, "broken"), run(app, "broken")
    page = open_page(f"{site}/jobs/?view={view}&q=broken")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    check_accessibility(page)

    bars = page.locator(".lf-strip a")
    bars.first.focus()
    page.keyboard.press("End")
    tooltip = "getComputedStyle(document.activeElement, '::after').content"
    assert "failed, " in page.evaluate(tooltip)
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.href").endswith(f"/runs/{older}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.lf-strip')") is None
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/broken/runs/{newer}")


def test_bars_are_printed(app: Flask, site: str, open_page: OpenPage) -> None:
    """Browsers print no backgrounds, unless the style sheet asks for them."""
    run(app, "broken")
    page = open_page(f"{site}/jobs/?q=broken")
    bar = page.locator(".lf-strip a").first
    assert bar.evaluate("bar => getComputedStyle(bar, '::before').printColorAdjust") == "exact"


@pytest.mark.parametrize("link", [".lf-primary", "h2 a", ".lf-plain", ".lf-strip li:first-child a"])
def test_update_keeps_the_focus_on_a_link_of_a_card(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate, link: str
) -> None:
    start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/?q=gated")
    page.wait_for_selector(".lf-plain:has-text('running')")
    page.focus(link)
    run_gate.open()
    page.wait_for_selector(".lf-plain:has-text('succeeded')")
    assert page.evaluate("link => document.activeElement.matches(link)", link)


@pytest.mark.parametrize("width", [390, 1280])
def test_long_outcome_leaves_the_key_of_a_card_its_line(
    tmp_path: Path, serve: Serve, open_page: OpenPage, width: int
) -> None:
    key = "reload_the_regions"
    tasks = simulated_task("load"), simulated_task("report", "load", run_if="ALL_DONE")
    job = simulated_job(*tasks, tasks={"load": {"result": "FAILED"}})
    bundle = write_bundle(tmp_path, {key: job}, {})
    with Workspace(bundle, tmp_path / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs[key].job_id
        app = shop_app(workspace, tmp_path / "instance", jobs={key: {"job_id": job_id}})
        run(app, key)
        viewport = {"width": width, "height": 900}
        page = open_page(f"{serve(app)}/jobs/?q=reload", viewport=viewport)
        page.wait_for_selector(".lf-plain:has-text('succeeded with failures')")
        box = page.locator(".lf-clip").bounding_box()
        assert box is not None
        assert box["height"] < 30


@pytest.mark.parametrize("width", [390, 1440])
def test_long_key_stays_in_its_place(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage, width: int
) -> None:
    key = "a_very_long_key_" * 12
    site = serve(make_shop(jobs={key: {"job_id": 7}}))
    for view in ("cards", "table"):
        page = open_page(f"{site}/jobs/?view={view}", viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        link = page.locator(f".lf-clip[title='{key}']")
        box = link.bounding_box()
        assert box is not None
        assert box["height"] < 70
