"""The console in Chromium against the local workspace: live updates, keyboard, all pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response, redirect, render_template_string, request

from tests.browser.conftest import OpenPage
from tests.browser.run_pages import click_link, wait_for_end, wait_for_task
from tests.conftest import Serve
from tests.console.support import run, start
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Route
    from werkzeug.wrappers import Response as BaseResponse

    from tests.browser.proxy import MakeProxy


def test_console_journey_from_form_to_ended_run(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs")
    page.click("text='nightly'")
    page.click("text='Run'")
    page.fill("[name=day]", "2026-11-20")
    page.select_option("[name=region]", "amer")
    page.click("button:has-text('Run')")
    page.wait_for_url("**/nightly/runs/*")
    assert "day2026-11-20regionamer" in (page.text_content(".lf-pairs") or "")
    wait_for_task(page, "join", "going")
    wait_for_task(page, "join", "good")
    wait_for_end(page)
    assert page.text_content(".lf-big") == "succeeded"
    assert page.title().startswith("succeeded: nightly")
    assert page.locator(".lf-node[data-kind=good]").count() == 8
    assert page.text_content("[role=status]") == "State of the run: succeeded."


def test_form_double_click_starts_one_run(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs/broken")
    before = page.locator(".lf-table tbody tr").count()
    page.goto(f"{site}/jobs/broken/run")
    page.dblclick("button:has-text('Run')")
    page.wait_for_url("**/broken/runs/*")
    page.goto(f"{site}/jobs/broken")
    assert page.locator(".lf-table tbody tr").count() == before + 1


def test_form_error_is_at_its_field_and_focused(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs/nightly/run")
    page.fill("[name=day]", "")
    page.fill("[name=sample]", "700")
    page.click("button:has-text('Run')")
    assert page.text_content(".lf-field:has([name=day]) .lf-field-error") == "Enter a value."
    assert page.input_value("[name=sample]") == "700"
    page.wait_for_selector("[name=day]:focus")  # browsers apply autofocus at the next frame
    assert page.get_attribute("[name=sample]", "aria-invalid") == "true"


def test_form_is_usable_again_after_its_request_is_stopped(
    site: str, open_page: OpenPage, make_proxy: MakeProxy
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/jobs/flaky/run")
    browser = page.context.new_cdp_session(page)
    with proxy.hold():
        page.click("button:has-text('Run')", no_wait_after=True)
        wait_until(lambda: proxy.count("POST") == 1, "the request")
        browser.send("Page.stopLoading")  # what Escape does
        page.wait_for_selector(".lf-form button:enabled")


def test_back_restores_all_of_a_half_filled_form_but_secrets(
    site: str, open_page: OpenPage
) -> None:
    values = {"day": "2025-05-05", "sample": "7", "tags": '{"a": 1}'}
    page = open_page(f"{site}/jobs/nightly/run")
    for name, value in {**values, "apiToken": "secret"}.items():
        page.fill(f"[name={name}]", value)
    page.check("[name=full]")
    click_link(page, "nav[aria-label='You are here'] a")
    page.go_back()
    assert {name: page.input_value(f"[name={name}]") for name in values} == values
    assert page.is_checked("[name=full]")
    assert page.input_value("[name=apiToken]") == ""


class Login:
    """A host's login, which rejects requests once the session has expired."""

    def __init__(self, app: Flask, status: int) -> None:
        self.has_expired = False
        self._status = status
        app.add_url_rule("/login", "login", lambda: "<title>Log in</title><form>Who?</form>")
        app.before_request(self._reject)

    def _reject(self) -> BaseResponse | None:
        is_public = "~static" in request.path or request.path in ("/login", "/api/jobs/lakeflow.js")
        if is_public or not self.has_expired:
            return None
        return redirect("/login") if self._status == 302 else Response("Who?", self._status)


@pytest.mark.parametrize("status", [200, 302, 401])
def test_pages_keep_content_and_say_when_logged_out(
    app: Flask, serve: Serve, open_page: OpenPage, run_gate: RunGate, status: int
) -> None:
    login = Login(app, status)
    site = serve(app)
    ended = open_page(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    jobs = open_page(f"{site}/jobs")
    wait_for_task(page, "wait", "going")
    jobs.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('running')")
    page.wait_for_selector("[data-connection=live]")
    login.has_expired = True
    ended.click("[id$=-fetch-1] summary")
    ended.wait_for_selector("[data-output]:has-text('You are no longer logged in.')")
    run_gate.open()
    page.wait_for_selector("[data-connection]:has-text('You are no longer logged in.')")
    jobs.wait_for_selector(".lf-notice:has-text('You are no longer logged in.')")
    assert jobs.locator("[aria-label='Job nightly']").count() == 1
    assert page.text_content(".lf-big") == "running"
    login.has_expired = False
    jobs.reload()
    page.reload()
    wait_for_end(page)


@pytest.mark.parametrize(
    "login", [{"status": 401}, {"content_type": "text/html", "body": "<form>Who?</form>"}]
)
def test_head_says_when_logged_out_though_its_stream_is_open(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate, login: dict[str, object]
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    held: list[Route] = []  # the page's own loads would show it too, some time later
    live = page.get_attribute("[data-live]", "data-live")
    page.route(f"{site}{live}*", lambda route: held.append(route))
    page.click("[id$=-wait-1] summary")
    log = page.get_attribute("[data-log]", "data-log")
    page.route(f"{site}{log}*", lambda route: route.fulfill(**login))
    page.wait_for_selector("[data-connection=stale]:has-text('You are no longer logged in.')")
    page.unroute_all()
    for route in held:
        route.continue_()
    page.evaluate("dispatchEvent(new Event('online'))")  # it loads again now, not in 30 seconds
    page.wait_for_selector("[data-connection=live]")
    assert page.text_content("[data-connection]") == "Live"


def test_jobs_page_is_live(app: Flask, site: str, open_page: OpenPage, run_gate: RunGate) -> None:
    start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs")
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('running')")
    run_gate.open()
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('succeeded')")


def test_history_and_task_pages_are_live(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{site}/jobs/gated/runs/{run_id}")
    wait_for_task(page, "wait", "going")
    task = page.evaluate("document.querySelector('[id$=-wait-1] [data-output] a').href")
    page.goto(task)
    history = open_page(f"{site}/jobs/gated")
    row = f"[data-part=run-{run_id}]"
    history.fill("[name=who]", "ada")
    before = history.text_content(f"{row} [data-ticks]")
    history.wait_for_selector(f"{row} [data-ticks]:not(:text-is('{before}'))")
    history.focus(f"#lf-run-{run_id}")
    run_gate.open()
    history.wait_for_selector(f"{row} .lf-state:has-text('succeeded')")
    assert history.evaluate("document.activeElement.id") == f"lf-run-{run_id}"
    assert history.input_value("[name=who]") == "ada"
    page.wait_for_selector(".lf-head .lf-state:has-text('succeeded')")
    page.wait_for_selector(".lf-log-line:has-text('waiting')")


def test_console_works_without_javascript(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/run", java_script_enabled=False)
    page.fill("[name=gate]", run_gate.params["gate"])
    click_link(page, "button:has-text('Run')")
    assert re.search(r"/gated/runs/\d+$", page.url)

    def is_waiting() -> bool:
        click_link(page, "text='Reload'")
        return page.locator("[id$=-wait-1] .lf-state[data-kind=going]").count() == 1

    wait_until(is_waiting, "the second task")
    page.click("[id$=-before-1] summary")
    click_link(page, "[id$=-before-1] >> text='Output and log'")
    assert page.text_content("h1") == "before"
    page.go_back()
    page.click("summary:has-text('Cancel')")
    click_link(page, "text='Yes, cancel it'")
    wait_until(
        lambda: page.reload() and page.text_content(".lf-big") == "canceled", "the run's end"
    )


def test_console_is_live_under_a_prefix(
    app: Flask, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    app.wsgi_app = DispatcherMiddleware(Flask("nothing").wsgi_app, {"/apps/shop": app.wsgi_app})  # type: ignore[method-assign]
    page = open_page(
        f"{serve(app)}/apps/shop/jobs/gated/runs/{start(app, 'gated', run_gate.params)}"
    )
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    run_gate.open()
    wait_for_end(page)


def test_fragments_are_live_in_the_hosts_page(
    app: Flask, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    template = (
        "<!doctype html><html lang=en><head><title>Own</title>{{ lakeflow_head() }}</head>"
        "<body><main><h1>Mine</h1>{{ lakeflow_job_card('gated') }}{{ lakeflow_run('gated', run) }}"
    )
    app.add_url_rule("/own", "own", lambda: render_template_string(template, run=run_id))
    page = open_page(f"{serve(app)}/own")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('running')")
    run_gate.open()
    wait_for_end(page)
    page.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('succeeded')")
    assert page.title() == "Own"
