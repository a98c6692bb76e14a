"""The page of a run in Chromium: live updates, outages, actions and links."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace
from tests.browser.conftest import OpenPage
from tests.browser.proxy import MakeProxy
from tests.browser.run_pages import click_link, wait_for_end, wait_for_task
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from tests.console.conftest import MakeShop


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


def test_ended_run_of_one_task_shows_its_output_without_a_click(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs/broken/runs/{run(app, 'broken')}")
    page.wait_for_selector("[id$=-only-1] .lf-text")


def test_end_of_the_only_task_shows_its_output_without_a_click(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    page = open_page(f"{serve(app)}/jobs/alone/runs/{start(app, 'alone', run_gate.params)}")
    page.wait_for_selector("[data-connection=live]")
    assert not page.locator(".lf-attempt[open]").count()
    run_gate.open()
    page.wait_for_selector(".lf-attempt[open] .lf-log-line:has-text('waiting')")


def test_ended_run_of_several_tasks_opens_none(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    run_gate.open()
    wait_for_end(page)
    assert not page.locator(".lf-attempt[open]").count()


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


def test_run_page_update_keeps_the_focus_on_a_task_of_the_graph(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.focus("[data-part=node-wait] a")
    run_gate.open()
    wait_for_end(page)
    assert page.evaluate("document.activeElement.matches('[data-part=node-wait] a')")


def test_run_page_reconnects_after_a_cut_stream(
    app: Flask, site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    with proxy.hold():
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
        page = open_page()
        page.clock.install()
        page.goto(f"{serve(app)}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
        wait_for_task(page, "wait", "going")
        fault_proxy.fail(Drop())
        page.wait_for_selector("[data-connection=stale]")
        durations = page.locator("[data-ticks]").all_text_contents()
        page.clock.run_for(5_000)
        assert page.locator("[data-ticks]").all_text_contents() == durations
        assert "Shown is the state of" in (page.text_content("[data-connection]") or "")
        announced = page.text_content(".lf-run + [role=status]")
        assert announced
        assert announced in (page.text_content("[data-connection]") or "")
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


def test_run_page_recovers_as_soon_as_the_network_is_back(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    page.context.route("**/live*", lambda route: route.abort())
    # A load is due at once, because the time line is too short, and the next one never.
    page.clock.set_fixed_time(page.evaluate("Date.now() + 3_600_000"))
    page.wait_for_selector("[data-connection=stale]:has-text('cannot be reached')")
    page.context.unroute("**/live*")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("[data-connection=live]")
    run_gate.open()
    wait_for_end(page)


def test_run_page_says_at_once_that_the_network_is_lost(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    page.wait_for_selector("[data-connection=live]")
    page.clock.set_fixed_time(
        page.evaluate("Date.now() / 1000 - 3_600")
    )  # no load is due by itself
    page.context.set_offline(True)  # the stream stays open: its end never arrives
    page.wait_for_selector("[data-connection=stale]:has-text('cannot be reached')")
    page.context.set_offline(False)
    page.wait_for_selector("[data-connection=live]")
    run_gate.open()
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


def test_run_page_escape_or_a_click_elsewhere_dismisses_cancel_confirmation(
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
    page.click("summary:has-text('Cancel')")
    assert page.is_visible("text='Yes, cancel it'")
    page.mouse.click(2, 400)
    assert not page.is_visible("text='Yes, cancel it'")
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
    click_link(page, "[id$=-load-1] a:text('own page')")
    assert page.text_content("h1") == "load"


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
