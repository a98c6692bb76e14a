"""The log of a task in Chromium: it grows, and lines can be found and linked."""

from __future__ import annotations

import re

from flask import Flask

from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.browser.run_pages import wait_for_task
from tests.console.support import start
from tests.support import RunGate


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
    page.wait_for_function(f"({is_at_end})(document.querySelector('.lf-log'))")
    follow = page.get_by_role("button", name="Follow")
    assert follow.get_attribute("aria-pressed") == "true"
    box.evaluate("box => { box.scrollTop = 0; }")
    page.wait_for_selector("button[aria-pressed=false]:has-text('Follow')")
    check_accessibility(page)
    page.fill("input[type=search]", "LINE 7")
    page.press("input[type=search]", "Enter")
    assert page.text_content("[data-log-state]") == "1 of 1 match"
    assert page.text_content(".lf-current > span") == "line 7"
    page.click("#L9 > a")
    assert re.search(r"/tasks/\d+\?line=9#L9$", page.url)
    run_gate.open()
    page.wait_for_selector(".lf-lines[data-final]")
    assert page.locator(".lf-log-line").last.text_content() == "42over"
    assert follow.is_hidden()
    page.reload()
    assert page.text_content(".lf-chosen > span") == "line 9"


def test_page_of_a_run_has_a_growing_log_in_a_row(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    wait_for_task(page, "wait", "going")
    page.click("[id$=-wait-1] summary")
    page.wait_for_selector(".lf-log-line:has-text('line 40')")
