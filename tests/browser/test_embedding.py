"""Fragments that a script puts into a page of the host, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import render_template_string

from tests.browser.test_console import wait_for_end, wait_for_task
from tests.console.support import start

if TYPE_CHECKING:
    from flask import Flask

    from tests.browser.conftest import CheckAccessibility, OpenPage
    from tests.conftest import Serve
    from tests.console.conftest import MakeShop
    from tests.support import RunGate

PAGE = (
    "<!doctype html><html lang=en><head><title>Own</title>{{ lakeflow_head() }}</head>"
    "<body><main><h1>Own</h1><div id=place></div></main>"
)

#: What HTMX does for `hx-get`.
LOAD = """async (url) => {
  const place = document.getElementById("place");
  place.innerHTML = await (await fetch(url, { headers: { "HX-Request": "true" } })).text();
  for (const each of place.children) each.dispatchEvent(new Event("htmx:load", { bubbles: true }));
}"""


@pytest.fixture
def app(make_shop: MakeShop) -> Flask:
    app = make_shop()
    app.add_url_rule("/own", "own", lambda: render_template_string(PAGE))
    return app


def test_fragments_that_htmx_inserts_are_live(
    app: Flask,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
    run_gate: RunGate,
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{serve(app)}/own")
    page.evaluate(LOAD, f"/jobs/gated/runs/{run_id}/fragment")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    check_accessibility(page)
    with page.expect_event("requestfailed", lambda request: "/stream" in request.url) as closed:
        page.evaluate(LOAD, "/jobs/~cards?key=gated")  # the stream of the removed run ends
    assert str(run_id) in closed.value.url
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('running')")
    run_gate.open()
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('succeeded')")
    check_accessibility(page)
    page.evaluate(LOAD, f"/jobs/gated/runs/{run_id}/fragment")
    wait_for_end(page)


def test_cards_in_the_hosts_page_have_a_gap(app: Flask, serve: Serve, open_page: OpenPage) -> None:
    cards = "{{ lakeflow_head() }}{{ lakeflow_job_card('gated') }}{{ lakeflow_job_cards('flaky') }}"
    app.add_url_rule("/cards", "cards", lambda: render_template_string(cards))
    page = open_page(f"{serve(app)}/cards")
    first, second = (each.bounding_box() for each in page.locator(".lf-job").all())
    assert first
    assert second
    assert second["y"] - first["y"] - first["height"] == 16
