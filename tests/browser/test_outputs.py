"""The log of a task in Chromium: it grows, and lines can be found and linked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.browser.run_pages import wait_for_task
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.local.support import simulated_job, simulated_task, write_bundle
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


def test_log_grows_and_is_followed_until_the_reader_scrolls(
    app: Flask,
    site: str,
    open_page: OpenPage,
    run_gate: RunGate,
    check_accessibility: CheckAccessibility,
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    wait_for_task(page, "wait", "going")
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(page.evaluate("document.querySelector('[id$=-wait-1] [data-output] a').href"))
    page.wait_for_selector("#L40")
    box = page.locator(".lf-log")
    is_at_end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 40"
    wait_until(lambda: box.evaluate(is_at_end), "the end of the log")
    follow = page.get_by_role("button", name="Follow")
    assert follow.get_attribute("aria-pressed") == "true"
    box.evaluate("box => { box.scrollTop = 0; }")
    page.wait_for_selector("button[aria-pressed=false]:has-text('Follow')")
    check_accessibility(page)
    page.fill("input[type=search]", "LINE 7")
    page.press("input[type=search]", "Enter")
    assert page.text_content("[data-log-state]") == "1 of 1 match"
    assert page.text_content(".lf-current > span") == "line 7"
    assert re.search(r"/tasks/\d+\?line=7#L7$", page.url), "the keyboard links to a line, too"
    page.click("#L9 > a")
    assert re.search(r"/tasks/\d+\?line=9#L9$", page.url)
    run_gate.open()
    page.wait_for_selector(".lf-lines[data-final]")
    assert page.locator(".lf-log-line").last.text_content() == "42over"
    assert follow.is_hidden()
    page.reload()
    assert page.text_content(".lf-chosen > span") == "line 9"
    page.click("#L7 > a")
    ground = "each => getComputedStyle(each).backgroundColor"
    assert page.locator("#L9").evaluate(ground) == page.locator("#L8").evaluate(ground)


def test_page_of_a_run_has_a_growing_log_in_a_row(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    wait_for_task(page, "wait", "going")
    page.click("[id$=-wait-1] summary")
    page.wait_for_selector(".lf-log-line:has-text('line 40')")


def test_log_that_was_empty_can_be_downloaded_once_it_has_lines(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    row = page.locator("[id$=-after-1]")
    row.locator("summary").first.click()
    row.locator(".lf-log").wait_for()
    download = row.locator("[download]")
    assert download.count() == 1
    assert download.is_hidden()
    lines = row.locator(".lf-lines")
    lines.evaluate("each => each.innerHTML = '<div class=lf-log-line><span>1</span></div>'")
    assert download.is_visible()


def test_number_of_a_line_in_a_long_log_is_not_broken(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    run_id = run(app, "broken")
    page = open_page(f"{site}/jobs/broken/runs/{run_id}", viewport={"width": 390, "height": 500})
    number = page.locator(".lf-log-line > a").first
    height = "each => { each.textContent = %s; return each.getBoundingClientRect().height; }"
    assert number.evaluate(height % 123456) == number.evaluate(height % 1)


def test_iterations_of_a_task_fit_a_phone(
    tmp_path: Path, serve: Serve, open_page: OpenPage
) -> None:
    each = {"inputs": '["2026-11-23"]', "task": simulated_task("each_day")}
    job = simulated_job({"task_key": "days", "for_each_task": each})
    bundle = write_bundle(tmp_path, {"loop": job}, {})
    with Workspace(bundle, tmp_path / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs["loop"].job_id
        app = shop_app(workspace, tmp_path / "instance", jobs={"loop": {"job_id": job_id}})
        url = f"{serve(app)}/jobs/loop/runs/{run(app, 'loop')}"
        page = open_page(url, viewport={"width": 320, "height": 256})
        page.wait_for_selector(".lf-attempt[open] .lf-data")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def address_of_log(page: Page) -> str:
    """Return the address of the task of a run that has printed its first lines, and waits."""
    wait_for_task(page, "wait", "going")
    address = page.evaluate("document.querySelector('[id$=-wait-1] [data-output] a').href")
    page.click("[id$=-wait-1] summary")
    page.wait_for_selector("[id$=-wait-1] .lf-log-line:has-text('line 41')")
    return str(address)


def test_rest_of_a_log_that_is_longer_than_a_part_follows_at_once(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    address = address_of_log(page)
    offsets: list[int] = []

    def answer(route: Route) -> None:
        offset = int(parse_qs(urlsplit(route.request.url).query)["offset"][0])
        offsets.append(offset)
        size = 250_000 if len(offsets) < 3 else 10
        span = f'data-offset="{offset}" data-next="{offset + size}"'
        line = f'<div class="lf-log-line"><span>from {offset}</span></div>'
        route.fulfill(content_type="text/html", body=f'<div class="lf-lines" {span}>{line}</div>')

    page.route("**/lines?*", answer)
    page.clock.install(time="2026-01-31T08:00:00")
    page.clock.pause_at("2026-01-31T09:00:00")
    page.goto(address)
    for count in (1, 2, 3):
        page.wait_for_selector(f".lf-log-line:nth-child({41 + count})", state="attached")
        page.clock.run_for(10)
    page.clock.run_for(900)
    assert len(offsets) == 3, "the task writes on, so the next part is due later"


def test_lines_that_leave_a_long_log_do_not_move_the_others(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    address = address_of_log(page)

    sizes = [6_000, 2_000]  # lines of the responses; later ones have none

    def answer(route: Route) -> None:
        offset = int(parse_qs(urlsplit(route.request.url).query)["offset"][0])
        lines = '<div class="lf-log-line"><span>more</span></div>' * (sizes.pop(0) if sizes else 0)
        span = f'data-offset="{offset}" data-next="{offset + 1}" data-live'
        body = f'<div class="lf-lines" {span}>{lines}</div>'
        route.fulfill(content_type="text/html", body=body)

    page.route("**/lines?*", answer)
    page.clock.install(time="2026-01-31T08:00:00")
    page.clock.pause_at("2026-01-31T09:00:00")
    page.goto(address)
    count = "document.querySelectorAll('.lf-log-line').length"
    wait_until(lambda: page.evaluate(count) == 5_000, "the first lines")
    page.evaluate(
        """() => {
          window.line = document.querySelectorAll(".lf-log-line")[3_000];
          window.line.scrollIntoView();
        }"""
    )
    pressed = "document.querySelector('[data-log-tools] [aria-pressed]').ariaPressed"
    wait_until(lambda: page.evaluate(pressed) == "false", "the end of following")
    top = "window.line.getBoundingClientRect().top"
    before = page.evaluate(top)
    page.clock.run_for(1_000)
    first = "document.querySelectorAll('.lf-log-line')[1_000] === window.line"
    wait_until(lambda: page.evaluate(first), "the next lines")
    assert page.evaluate(top) == pytest.approx(before, abs=1)
