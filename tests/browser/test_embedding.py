"""Fragments that a script puts into a page of the host, in Chromium."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import g, render_template_string
from jinja2 import DictLoader

import flask_lakeflow_jobs
from tests.browser.run_pages import wait_for_end, wait_for_task
from tests.console.support import run, start
from tests.docs.blocks import blocks_in

if TYPE_CHECKING:
    from flask import Flask, Response

    from tests.browser.conftest import CheckAccessibility, OpenPage
    from tests.conftest import Serve
    from tests.console.conftest import MakeShop
    from tests.support import RunGate

GUIDE = Path(flask_lakeflow_jobs.__file__).parents[1] / "docs" / "guides" / "embedding.md"

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

#: Styles for elements by their name, as Bootstrap 3 to 5 have them.
HOST_STYLES = """
a { color: rgb(1, 2, 3); text-decoration: none }
a:hover, a:focus { color: rgb(1, 2, 3); text-decoration: underline }
h1, p { text-transform: uppercase }
label { margin-bottom: 8px; font-weight: 700 }
legend { float: left; width: 100%; font-size: 24px }
summary { display: block }
"""

INSERT = "styles => document.head.insertAdjacentHTML('afterbegin', `<style>${styles}</style>`)"

COMPUTE_STYLES = """() => [...document.querySelectorAll("main.lakeflow *")].map((each) => {
  const { cssText, ...style } = getComputedStyle(each);
  return [each.outerHTML.slice(0, 80), style];
})"""


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
    assert page.locator("#place > [role=status]").count() == 0, "an ended run leaves nothing behind"


def test_cards_in_the_hosts_page_have_a_gap(app: Flask, serve: Serve, open_page: OpenPage) -> None:
    cards = "{{ lakeflow_head() }}{{ lakeflow_job_card('gated') }}{{ lakeflow_job_cards('flaky') }}"
    app.add_url_rule("/cards", "cards", lambda: render_template_string(cards))
    page = open_page(f"{serve(app)}/cards")
    first, second = (each.bounding_box() for each in page.locator(".lf-job").all())
    assert first
    assert second
    assert second["y"] - first["y"] - first["height"] == 16


@pytest.mark.parametrize("path", ["flaky", "nightly/run"])
def test_styles_of_the_host_for_elements_do_not_apply_in_the_console(
    app: Flask, serve: Serve, open_page: OpenPage, path: str
) -> None:
    page = open_page(f"{serve(app)}/jobs/{path}", bypass_csp=True)
    expected = page.evaluate(COMPUTE_STYLES)
    page.evaluate(INSERT, HOST_STYLES)
    assert page.evaluate(COMPUTE_STYLES) == expected


def test_styles_of_the_host_for_links_do_not_apply_to_buttons(
    app: Flask, serve: Serve, open_page: OpenPage
) -> None:
    page = open_page(f"{serve(app)}/jobs/flaky", bypass_csp=True)
    page.evaluate(INSERT, HOST_STYLES)
    for button in page.locator("main a.lf-button").all():
        color = button.evaluate("each => getComputedStyle(each).color")
        button.hover()
        style = button.evaluate("each => ({ ...getComputedStyle(each) })")
        assert (style["color"], style["textDecorationLine"]) == (color, "none")


def csp_nonce() -> str:
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe()
    return str(g.nonce)


def test_console_works_under_a_policy_of_nonces_alone(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    app = make_shop(csp_nonce=csp_nonce)

    def set_policy(response: Response) -> Response:
        allowed = f"'nonce-{csp_nonce()}'"
        response.headers["Content-Security-Policy"] = (
            f"base-uri 'none'; script-src {allowed} 'strict-dynamic'; style-src {allowed}"
        )
        return response

    app.after_request(set_policy)
    page = open_page(f"{serve(app)}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    page.wait_for_selector("[data-connection=live]")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "650"
    run_gate.open()
    wait_for_end(page)


def test_frame_of_the_guide_has_the_styles_of_host_and_console(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
) -> None:
    app = make_shop(csp_nonce=csp_nonce)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    files = {each.file: each.text for each in blocks_in(GUIDE.read_text(), GUIDE.name)}
    names = ("layout.html", "lakeflow_jobs/base.html")
    app.jinja_loader = DictLoader({name: files[f"templates/{name}"] for name in names})
    site, run_id = serve(app), run(app, "flaky")
    page = open_page(viewport={"width": 390, "height": 800})
    for path in ("", "/flaky", "/nightly/run", f"/flaky/runs/{run_id}", "/nowhere"):
        page.goto(f"{site}/jobs{path}")
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "1280px"
        assert (
            page.locator("main h1").evaluate("title => getComputedStyle(title).fontWeight") == "650"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        check_accessibility(page)
