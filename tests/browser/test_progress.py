"""Progress and the end of a run on its page, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk.service.jobs import RunLifeCycleState
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from tests.browser.conftest import ALLOW_NOTIFICATIONS, CheckAccessibility, OpenPage
from tests.console.support import start
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page


ENDED = "[data-part=meta][data-over=yes]"

#: Replaces the notifications of the browser, which headless Chromium does not show.
FAKE_NOTIFICATIONS = """
window.notified = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { window.asked = true; return (this.permission = ANSWER); }
  constructor(title, options) { window.notified.push(title); }
};
"""


def report(app: Flask, key: str, run_id: int, *values: Any, **options: Any) -> None:
    with app.app_context():
        current_jobs[key].report_progress(run_id, *values, **options)


def wait_for_task(app: Flask, key: str, run_id: int) -> None:
    """Wait until the app has seen that a task of a run runs."""
    with app.app_context():
        for status in current_jobs[key].watch(run_id):
            states = [task.state for task in status.run.tasks or [] if task.state]
            if any(each.life_cycle_state == RunLifeCycleState.RUNNING for each in states):
                return


def open_run(
    open_page: OpenPage, site: str, run_id: int, key: str = "gated", **context: Any
) -> Page:
    page = open_page(f"{site}/jobs/{key}/runs/{run_id}", **context)
    page.wait_for_selector("[data-connection=live]")
    page.wait_for_selector("[data-part=node-wait] [data-kind=going]", state="attached")
    return page


def test_progress_is_a_bar_with_its_message_at_the_run_and_its_task(
    app: Flask,
    site: str,
    open_page: OpenPage,
    run_gate: RunGate,
    check_accessibility: CheckAccessibility,
    screenshots: Path,
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_run(open_page, site, run_id)
    page.add_init_script(ALLOW_NOTIFICATIONS)
    page.reload()
    page.wait_for_selector("[data-connection=live]")
    assert page.is_hidden("[data-part=progress]")
    report(app, "gated", run_id, 40, "4 of 10 files <b>", task="wait")
    bar = "[data-part=progress] progress"
    page.wait_for_selector(f"{bar}[value='40']")
    assert page.get_attribute(bar, "aria-label") == "Progress of wait"
    assert "40 %4 of 10 files <b>" in (page.text_content("[data-part=progress]") or "")
    mini = page.locator("progress[data-progress=wait]")
    assert mini.evaluate("bar => [bar.value, bar.hidden]") == [40, False]
    check_accessibility(page)
    mini.evaluate("bar => bar.dataset.progress = 'constructor'")  # what each object has
    report(app, "gated", run_id, 45, "9 of 20 files", task="wait")
    report(app, "gated", run_id, 65, "13 of 20 files")
    page.wait_for_selector(f"{bar}[aria-label='Progress of the run'][value='65']")
    other = page.locator("progress[data-progress=constructor]")
    assert other.evaluate("bar => [bar.value, bar.hidden]") == [0, True]
    other.evaluate("bar => bar.dataset.progress = 'wait'")
    page.set_viewport_size({"width": 1280, "height": 640})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=screenshots / f"progress-{scheme}.png")
    run_gate.open()
    page.wait_for_selector(ENDED, state="attached")
    assert page.is_hidden("[data-part=progress]")


def test_progress_is_shown_without_scripts(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    open_run(open_page, site, run_id)
    report(app, "gated", run_id, 40, "4 of 10 files", task="wait")
    page = open_page(f"{site}/jobs/gated/runs/{run_id}", java_script_enabled=False)
    assert page.get_attribute("[data-part=progress] progress", "value") == "40"
    assert page.get_attribute("[data-part=progress] a", "href") == f"#lf-{run_id}-wait-1"


def test_progress_loads_no_page(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    wait_for_task(app, "gated", run_id)  # so that the page shows the last state that is streamed
    page = open_run(open_page, site, run_id)
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url))
    for percent in (1, 2):
        report(app, "gated", run_id, percent)
        page.wait_for_selector(f"[data-part=progress] progress[value='{percent}']")
    page.evaluate("fetch('/after-all-loads')")
    assert [url.rpartition("/")[2] for url in loads] == ["after-all-loads"]


@pytest.mark.parametrize("answer", ["granted", "denied"])
def test_button_tells_when_the_run_ends(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate, answer: str
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page()
    page.add_init_script(FAKE_NOTIFICATIONS.replace("ANSWER", f"'{answer}'"))
    page.goto(f"{site}/jobs/gated/runs/{run_id}")
    page.wait_for_selector("[data-connection=live]")
    assert page.evaluate("window.asked") is None
    page.click("[data-notify]")
    wait_until(lambda: page.evaluate("window.asked"), "the question")
    if answer == "granted":
        page.wait_for_selector("[data-notify][aria-pressed=true]")
    else:
        page.wait_for_selector("[data-notify]:disabled:text-is('Notifications are blocked')")
    run_gate.open()
    page.wait_for_selector(ENDED, state="attached")
    assert page.locator("[data-notify]").count() == 0
    notified = ["gated: succeeded"] if answer == "granted" else []
    wait_until(lambda: page.evaluate("window.notified") == notified, "the notification")


def test_button_is_hidden_where_notifications_do_not_exist(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = open_page()
    page.add_init_script("delete window.Notification")
    page.goto(f"{site}/jobs/gated/runs/{run_id}")
    page.wait_for_selector("[data-connection=live]")
    assert page.is_hidden("[data-notify]")
