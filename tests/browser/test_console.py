"""The console in Chromium against the local workspace: live updates, keyboard, all pages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, redirect, render_template_string, request

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.local import Workspace, load_bundle
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace
from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.browser.proxy import Proxy
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.local.support import write_bundle
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from werkzeug.wrappers import Response as BaseResponse

    from tests.console.conftest import MakeShop

MakeProxy = Callable[[str], Proxy]

WIDE, NARROW = 1280, 390

ENDED = "[data-part=meta][data-over=yes]"


def wait_for_end(page: Page) -> None:
    page.wait_for_selector(ENDED, state="attached")


def click_link(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait for it. A click by itself does not wait."""
    with page.expect_navigation():
        page.click(selector)


def wait_for_task(page: Page, key: str, kind: str) -> None:
    page.wait_for_selector(f"[data-part=node-{key}] [data-kind={kind}]")
    page.wait_for_selector(f"[id$=-{key}-1] .lf-state[data-kind={kind}]")


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
    assert page.text_content("[role=status]") == "The run is succeeded."


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


def test_run_page_updates_tasks_and_clocks(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    before = page.text_content("[id$=-wait-1] [data-ticks]")
    page.wait_for_selector(f"[id$=-wait-1] [data-ticks]:not(:text-is('{before}'))")
    width = page.get_attribute("[id$=-wait-1] [data-grows]", "width")
    page.wait_for_selector(f"[id$=-wait-1] [data-grows]:not([width='{width}'])", state="attached")
    run_gate.open()
    wait_for_end(page)
    assert page.text_content(".lf-big") == "succeeded"
    assert not page.locator("[data-ticks]").count()


def test_run_page_update_keeps_open_rows_and_focus(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.click("[id$=-before-1] summary")
    page.wait_for_selector("[id$=-before-1] [data-output=whole]")
    page.focus("[id$=-wait-1] summary")
    page.keyboard.press("Enter")
    run_gate.open()
    wait_for_end(page)
    assert page.get_attribute("[id$=-wait-1]", "open") is not None
    assert page.get_attribute("[id$=-before-1]", "open") is not None
    assert page.evaluate("document.activeElement.id").endswith("-wait-1-row")
    page.wait_for_selector("[id$=-wait-1] .lf-log-line:has-text('waiting')")


def test_run_page_reconnects_after_a_cut_stream(
    app: Flask, site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    proxy.cut()
    page.wait_for_selector("[data-connection=connecting]")
    page.wait_for_selector("[data-connection=live]")
    run_gate.open()
    wait_for_end(page)
    assert proxy.count("POST") == 0


def test_run_page_workspace_failure_shows_age_of_state(
    shop: Any,
    tmp_path: Path,
    serve: Serve,
    open_page: OpenPage,
    run_gate: RunGate,
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance")
        page = open_page(f"{serve(app)}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
        wait_for_task(page, "wait", "going")
        fault_proxy.fail(Drop())
        page.wait_for_selector("[data-connection=stale]")
        assert "Shown is the state of" in (page.text_content("[data-connection]") or "")
        fault_proxy.clear_faults()
        page.wait_for_selector("[data-connection=live]")
        run_gate.open()
        wait_for_end(page)


def test_run_page_loaded_during_outage_recovers(
    shop: Any,
    tmp_path: Path,
    serve: Serve,
    open_page: OpenPage,
    run_gate: RunGate,
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance", config={"LAKEFLOW_JOBS_TIMEOUT": 2})
        url = f"{serve(app)}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}"
        page = open_page(url)
        wait_for_task(page, "wait", "going")
        fault_proxy.fail(Drop())
        page.wait_for_selector("[data-connection=stale]")
        page.reload()
        page.wait_for_selector("[data-part=meta]:not([data-stale-since=''])", state="attached")
        page.wait_for_selector("[data-connection=stale]:has-text('Shown is the state of')")
        fault_proxy.clear_faults()
        page.wait_for_selector("[data-connection=live]")
        page.wait_for_selector("[data-part=meta][data-stale-since='']", state="attached")
        run_gate.open()
        wait_for_end(page)


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


@pytest.mark.parametrize("status", [302, 401])
def test_pages_keep_content_and_say_when_logged_out(
    app: Flask, serve: Serve, open_page: OpenPage, run_gate: RunGate, status: int
) -> None:
    login = Login(app, status)
    site = serve(app)
    ended = open_page(f"{site}/jobs/broken/runs/{run(app, 'broken')}")
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    jobs = open_page(f"{site}/jobs")
    wait_for_task(page, "wait", "going")
    jobs.wait_for_selector("[aria-label='Job gated'] header .lf-state:has-text('running')")
    page.wait_for_selector("[data-connection=live]")
    login.has_expired = True
    ended.click("[id$=-only-1] summary")
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


def test_run_page_cancels_after_confirmation(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    tokens = itertools.count()
    sent: list[str] = []
    app.jinja_env.globals["csrf_token"] = lambda: f"token-{next(tokens)}"
    app.before_request(lambda: sent.extend(request.form.getlist("csrf_token")))
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    # updates bring a fresh token
    token = page.locator("[name=csrf_token]")
    wait_until(lambda: token.input_value() not in ("", "token-0"), "a fresh token")
    page.click("summary:has-text('Cancel')")
    page.click("text='Yes, cancel it'")
    wait_for_end(page)
    assert page.text_content(".lf-big") == "canceled"
    assert page.locator("text='Yes, cancel it'").count() == 0
    assert len(sent) == 1
    assert int(sent[0].removeprefix("token-")) > 0


def test_run_page_escape_dismisses_cancel_confirmation(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    page.focus("summary:has-text('Cancel')")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Yes, cancel it"
    page.keyboard.press("Escape")
    assert not page.is_visible("text='Yes, cancel it'")
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    run_gate.open()
    wait_for_end(page)
    assert page.text_content(".lf-big") == "succeeded"


def test_run_page_explains_and_repairs_a_failed_run(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    assert (page.text_content(".lf-cause > p:first-child") or "").strip() == "load"
    assert "ValueError: no orders" in (page.text_content(".lf-error-line") or "")
    page.click("a:has-text('Repair')")
    page.wait_for_selector("[name='~task']:checked")
    assert page.locator("[name='~task']:checked").count() == 2
    with page.expect_navigation():
        page.click("button:has-text('Repair')")
    wait_for_end(page)
    page.wait_for_selector(".lf-big:has-text('succeeded')")
    assert page.locator(".lf-attempt:has-text('load')").count() == 2
    assert page.locator(".lf-failure").count() == 0
    page.wait_for_selector(".lf-efforts li:has-text('Repair 1'):has-text('succeeded')")


def test_run_page_failed_task_link_opens_its_row(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    page.click(".lf-cause a")
    page.wait_for_selector("[id$=-load-1][open] pre:text('no orders')")


def test_run_page_link_to_a_row_is_no_url(app: Flask, site: str, open_page: OpenPage) -> None:
    """Keys of tasks may have a percent sign, which is no escape."""
    page = open_page(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    page.evaluate(
        """() => {
          const link = document.querySelector(".lf-cause a");
          document.getElementById(link.getAttribute("href").slice(1)).id = "lf-50%-%20-1";
          link.setAttribute("href", "#lf-50%-%20-1");
        }"""
    )
    page.click(".lf-cause a")
    page.wait_for_selector("[id='lf-50%-%20-1'][open]")


def test_run_page_links_to_run_started_by_a_task(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs/parent/runs/{run(app, 'parent')}")
    page.click("[id$=-ours-1] summary")
    page.click("[id$=-ours-1] [data-output=whole] a")
    page.wait_for_url("**/jobs/hourly/runs/*")
    assert "run job task" in (page.text_content(".lf-facts") or "")


def test_run_page_graph_node_opens_its_output(app: Flask, site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs/nightly/runs/{run(app, 'nightly', {'day': '2026-11-20'})}")
    page.focus("[data-part=node-orders] a")
    page.keyboard.press("Enter")
    page.wait_for_selector("[id$=-orders-1][open] .lf-log-line:has-text('12,031 rows')")
    assert page.evaluate("document.activeElement.id").endswith("-orders-1-row")


def test_run_page_is_live_without_buttons_for_viewers(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    run_gate: RunGate,
) -> None:
    app = make_shop(policy=lambda user, action, job: action == "view")
    page = open_page(f"{serve(app)}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    run_gate.open()
    wait_for_end(page)
    assert (
        page.locator(
            ".lf-head :is(button:not([data-copies-link]), form), form[method=post]"
        ).count()
        == 0
    )


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


@pytest.mark.parametrize(
    ("schemes", "background"), [("", "rgb(255, 255, 255)"), ("light dark", "rgb(26, 31, 41)")]
)
def test_fragments_follow_the_hosts_color_scheme(
    app: Flask, serve: Serve, open_page: OpenPage, schemes: str, background: str
) -> None:
    template = (
        f'<!doctype html><html lang=en><head><meta name="color-scheme" content="{schemes}">'
        "{{ lakeflow_head() }}</head><body>{{ lakeflow_job_card('gated') }}"
    )
    app.add_url_rule("/own", "own", lambda: render_template_string(template))
    page = open_page(f"{serve(app)}/own", color_scheme="dark")
    shown = page.evaluate("getComputedStyle(document.querySelector('.lf-card')).backgroundColor")
    assert shown == background


def test_run_page_with_200_tasks_has_no_long_frames(
    tmp_path: Path, serve: Serve, open_page: OpenPage
) -> None:
    """Neither layout nor an update blocks a frame for a second."""
    tasks = [
        {
            "task_key": f"task_{at:03}",
            "notebook_task": {"notebook_path": "note.py"},
            "depends_on": [
                {"task_key": f"task_{other:03}"} for other in {at - 10, at - 13} if other >= 0
            ],
        }
        for at in range(200)
    ]
    big = {"name": "big", "tags": {"local_simulation": '{"seconds": 0.15}'}, "tasks": tasks}
    bundle = write_bundle(tmp_path, {"big": big}, {"note.py": "# Databricks notebook source\n"})
    with Workspace(bundle, tmp_path / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs["big"].job_id
        app = shop_app(workspace, tmp_path / "instance", jobs={"big": {"job_id": job_id}})
        page = open_page(f"{serve(app)}/jobs/big/runs/{start(app, 'big')}")
        page.evaluate(
            """() => {
              window.longest = 0;
              new PerformanceObserver((list) => {
                for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
              }).observe({ type: "longtask" });
            }"""
        )
        wait_for_end(page)
        assert page.locator(".lf-node[data-kind=good]").count() == 200
        assert page.evaluate("longest") < 1000
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scripts", [True, False])
def test_graph_larger_than_its_box_opens_at_first_task(
    tmp_path: Path, serve: Serve, open_page: OpenPage, scripts: bool
) -> None:
    tasks = [
        {
            "task_key": f"t{at}",
            "notebook_task": {"notebook_path": "note.py"},
            "depends_on": [{"task_key": "t0"}] if at else [],
        }
        for at in range(60)
    ]
    big = {"name": "big", "tags": {"local_simulation": '{"seconds": 0.01}'}, "tasks": tasks}
    bundle = write_bundle(tmp_path, {"big": big}, {"note.py": "# Databricks notebook source\n"})
    with Workspace(bundle, tmp_path / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs["big"].job_id
        app = shop_app(workspace, tmp_path / "instance", jobs={"big": {"job_id": job_id}})
        url = f"{serve(app)}/jobs/big/runs/{run(app, 'big')}"
        page = open_page(url, java_script_enabled=scripts, viewport={"width": 390, "height": 800})
        graph, first = (
            page.locator(each).bounding_box() for each in (".lf-graph", "[data-part=node-t0]")
        )
        assert graph
        assert first
        assert graph["x"] <= first["x"] <= graph["x"] + graph["width"]
        assert graph["y"] <= first["y"] <= graph["y"] + graph["height"]


def test_pages_with_long_names_do_not_overflow(
    tmp_path: Path, serve: Serve, open_page: OpenPage
) -> None:
    name = "an_extraordinarily_long_name_" * 3
    job = {
        "name": "x",
        "tags": {"local_simulation": '{"seconds": 0.1, "result": "FAILED"}'},
        "tasks": [
            {"task_key": name + end, "notebook_task": {"notebook_path": "note.py"}} for end in "ab"
        ],
    }
    bundle = write_bundle(tmp_path, {"x": job}, {"note.py": "# Databricks notebook source\n"})
    with Workspace(bundle, tmp_path / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs["x"].job_id
        app = shop_app(
            workspace, tmp_path / "instance", jobs={name: {"job_id": job_id, "description": name}}
        )
        runs = [run(app, name) for _ in range(2)]
        site = f"{serve(app)}/jobs"
        page = open_page(site, viewport={"width": 360, "height": 700})
        pages = ("", "/run", f"/runs/{runs[0]}", "/matrix", f"/compare?run={runs[0]}&run={runs[1]}")
        for path in ("", "/~runs", "/unknown", *(f"/{name}{each}" for each in pages)):
            page.goto(f"{site}{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{site}/~runs")
        table = page.get_by_role("region", name="Runs")
        assert table.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_pages_fit_a_phone(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
) -> None:
    app = make_shop(user_loader=lambda: "ada.lovelace-with-a-rather-long-name@example.com")
    run_id = run(app, "hourly")
    page = open_page(f"{serve(app)}/jobs/hourly", viewport={"width": NARROW, "height": 700})
    assert page.evaluate(
        "(crumb => crumb.scrollWidth <= crumb.clientWidth)(document.querySelector('.lf-crumbs li'))"
    )
    page.goto(f"{page.url}/runs/{run_id}")
    assert page.evaluate(
        "(crumb => crumb.scrollWidth <= crumb.clientWidth)(document.querySelector('.lf-crumbs li'))"
    )
    marks = page.locator(".lf-axis text")
    assert sum(mark.is_visible() for mark in marks.all()) == (marks.count() + 1) // 2


def test_history_does_not_break_words_in_cells(app: Flask, site: str, open_page: OpenPage) -> None:
    run(app, "flaky")
    page = open_page(f"{site}/jobs/flaky", viewport={"width": 800, "height": 700})
    assert (
        page.evaluate(
            "(who => { const range = document.createRange();"
            " range.selectNodeContents(who.firstChild); return range.getClientRects().length;"
            " })(document.querySelector('td.lf-who'))"
        )
        == 1
    )


def test_run_page_skipped_outcome_is_accessible(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
    run_gate: RunGate,
) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    start(app, "alone", run_gate.params)
    page = open_page(f"{serve(app)}/jobs/alone/runs/{run(app, 'alone', run_gate.params)}")
    assert page.text_content(".lf-big") == "skipped"
    check_accessibility(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_all_pages_are_accessible(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
    run_gate: RunGate,
    screenshots: Path,
    scheme: str,
    width: int,
) -> None:
    app = make_shop(
        user_loader=lambda: "ada@example.com",
        config={"LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER": "asked_by"},
    )
    url = f"{serve(app)}/jobs"
    page = open_page(
        f"{url}/nightly/run",
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        timezone_id="UTC",
        reduced_motion="reduce",
    )

    def check(screenshot: str = "") -> None:
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if screenshot and width == WIDE:
            page.screenshot(path=screenshots / f"{screenshot}-{scheme}.png", full_page=True)

    page.fill("[name=day]", "")
    click_link(page, "button:has-text('Run')")
    check("form")
    page.fill("[name=day]", "2026-11-23")
    page.click("button:has-text('Run')")
    page.wait_for_url("**/runs/*")
    wait_for_task(page, "join", "going")
    check("run")
    wait_for_end(page)
    page.click("[id$=-orders-1] summary")
    page.wait_for_selector("[id$=-orders-1] .lf-log")
    check("run-ended")
    page.goto(f"{url}/broken/runs/{run(app, 'broken')}")
    page.click("text='Trace'")
    check()
    page.goto(f"{url}/gated/runs/{start(app, 'gated', run_gate.params)}")
    page.click("summary:has-text('Cancel')")
    check()
    run_gate.open()
    wait_for_end(page)
    page.goto(f"{url}/flaky/runs/{run(app, 'flaky')}")
    check("failure")
    click_link(page, "a:has-text('Repair')")
    check()
    for _ in range(12):
        run_id = start(app, "hourly")
    page.goto(f"{url}/hourly/runs/{run_id}")
    wait_for_end(page)
    page.goto(f"{url}/hourly")
    check("history")
    page.goto(url)
    check("jobs")
    page.goto(f"{url}?view=table")
    check()
    page.goto(f"{url}/nowhere")
    check()
    page.goto(f"{url}/hourly?who=nobody")
    check()
    page.goto(f"{url}/parent/runs/{run(app, 'parent')}")
    page.click("[id$=-ours-1] summary")
    page.wait_for_selector("[id$=-ours-1] [data-output=whole] a")
    check()
    repaired = run(app, "flaky")
    with app.app_context():
        current_jobs["flaky"].repair_run(repaired)
        current_jobs["flaky"].wait(repaired)
    page.goto(f"{url}/flaky/runs/{repaired}")
    check()
    page.goto(page.evaluate("document.querySelector('[data-output] a').href"))
    check()
