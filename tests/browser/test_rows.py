"""Rows of the history, the matrix and the comparison of runs, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.conftest import Serve
from tests.console.support import run, start

if TYPE_CHECKING:
    from tests.console.conftest import MakeShop
    from tests.support import RunGate


def test_row_of_the_history_opens_its_run(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage
) -> None:
    app = make_shop()
    run_id = run(app, "hourly")
    page = open_page(f"{serve(app)}/jobs/hourly")
    row = page.locator(f"[data-part=run-{run_id}]")
    box = row.bounding_box()
    assert box
    with page.expect_navigation():
        row.click(position={"x": box["width"] - 30, "y": box["height"] - 4})
    assert page.url.endswith(f"/runs/{run_id}")
    page.go_back()
    page.focus(f"#lf-run-{run_id}")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith(f"/runs/{run_id}")


#: A control-click in a cell of a table selects the cell.
SELECT_LIKE_FIREFOX = """() => addEventListener("mouseup", ({ target }) => {
  getSelection().selectAllChildren(target.closest("td"));
})"""


def test_control_key_opens_the_run_of_a_row_in_another_tab(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    app = make_shop()
    run_id = start(app, "gated", run_gate.params)
    page = open_page(f"{serve(app)}/jobs/gated")
    page.evaluate(SELECT_LIKE_FIREFOX)
    with page.context.expect_page() as opened:
        parameters = page.locator(f"[data-part=run-{run_id}] .lf-parameters span")
        parameters.click(modifiers=["Control"])
    opened.value.wait_for_url(f"**/runs/{run_id}")
    assert page.url.endswith("/jobs/gated")


@pytest.mark.parametrize("width", [1440, 390])
def test_two_selected_runs_are_compared(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
    width: int,
) -> None:
    app = make_shop()
    ids = [run(app, "flaky") for _ in range(3)]
    url = f"{serve(app)}/jobs/flaky"
    page = open_page(url, viewport={"width": width, "height": 900})
    assert page.is_disabled("[data-compares]")
    for run_id in ids[:2]:
        page.focus(f"#lf-select-{run_id}")
        page.keyboard.press("Space")
    assert page.is_disabled(f"#lf-select-{ids[2]}")
    check_accessibility(page)
    with page.expect_navigation():
        page.click("[data-compares]")
    inputs = page.locator(".lf-compare input[name=run]")
    assert {each.input_value() for each in inputs.all()} == {*map(str, ids[:2])}
    check_accessibility(page)
    page.goto(f"{url}/matrix")
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_copied_link_opens_the_attempt_of_a_task(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage
) -> None:
    app = make_shop()
    run_id = run(app, "flaky")
    url = f"{serve(app)}/jobs/flaky/runs/{run_id}"
    page = open_page(url, permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("window.setTimeout = () => 0")  # a busy machine may need longer to read "Copied"
    row = page.locator("[data-part=row-load-1]")
    row.locator("summary").first.click()
    row.locator("[data-copies-link]").click()
    row.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{url}#task-load-1"
    other = open_page(copied)
    other.wait_for_selector("[data-part=row-load-1][open]")
    page.click(".lf-actions [data-copies-link]")
    page.wait_for_selector(".lf-actions >> text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == url
