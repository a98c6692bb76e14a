"""The page of a run of many tasks in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from playwright.sync_api import expect

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.browser.conftest import CheckAccessibility, OpenPage
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.local.support import write_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Route

TASKS = 60

#: Bytes of all updates of the page of a run. A whole page has as much.
MAX_UPDATE_BYTES = 100_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app whose job has sixty tasks, ten of which run together; one fails."""
    tasks = [
        {
            "task_key": f"task_{at:02}",
            "notebook_task": {"notebook_path": "note.py"},
            "depends_on": [{"task_key": f"task_{at - 10:02}"}] if at >= 10 else [],
        }
        for at in range(TASKS)
    ]
    simulation = '{"seconds": 0.3, "tasks": {"task_07": {"result": "FAILED", "seconds": 0.1}}}'
    big = {"name": "big", "tags": {"local_simulation": simulation}, "tasks": tasks}
    folder = tmp_path_factory.mktemp("large")
    bundle = write_bundle(folder, {"big": big}, {"note.py": "# Databricks notebook source\n"})
    with Workspace(bundle, folder / "workspace") as workspace:
        job_id = load_bundle(bundle).jobs["big"].job_id
        yield shop_app(workspace, folder / "instance", jobs={"big": {"job_id": job_id}})


@pytest.fixture(scope="module")
def ended(app: Flask) -> str:
    """The path of a run that has ended."""
    return f"/jobs/big/runs/{run(app, 'big')}"


def test_updates_send_what_has_changed_and_end_as_a_new_page(
    app: Flask, serve: Serve, open_page: OpenPage
) -> None:
    page = open_page()
    updates: list[tuple[str, int]] = []
    page.on(
        "response",
        lambda each: (
            updates.append((each.headers["content-encoding"], int(each.headers["content-length"])))
            if each.url.endswith("/live") and int(each.headers["content-length"]) > 2_000
            else None
        ),
    )
    page.goto(f"{serve(app)}/jobs/big/runs/{start(app, 'big')}")
    page.locator(".lf-find").fill("task_4")
    page.locator("[data-part=meta][data-over=yes]").wait_for(state="attached")
    expect(page.locator(".lf-attempt:not([hidden])")).to_have_count(10)  # the search survived
    assert {encoding for encoding, _ in updates} == {"gzip"}
    assert sum(size for _, size in updates) < MAX_UPDATE_BYTES
    shown = """() => [...document.querySelectorAll("[data-list]")].map(({ dataset, children }) =>
      [dataset.list, ...[...children].map(({ dataset: { part, kind } }) => [part, kind])])"""
    live = page.evaluate(shown)
    page.goto(page.url.split("?")[0])
    assert page.evaluate(shown) == live


def test_state_chips_and_search_filter_the_tasks(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended)
    rows = page.locator(".lf-attempt").locator("visible=true")
    expect(rows).to_have_count(1)  # the one that failed; the others are in closed groups
    page.locator(".lf-chip", has_text="succeeded").click()
    assert "state=good" in page.url
    expect(rows).to_have_count(54)
    page.keyboard.press("/")
    page.keyboard.type("task_1")
    expect(rows).to_have_count(9)
    page.wait_for_url("**find=task_1*")
    page.reload()
    expect(page.locator(".lf-attempt")).to_have_count(60)  # the server had left out the others
    expect(rows).to_have_count(9)
    page.locator(".lf-find").fill("nothing")
    expect(page.get_by_text("No task matches.")).to_be_visible()
    page.locator(".lf-chip", has_text="60 tasks").click()
    page.locator(".lf-find").fill("")
    expect(rows).to_have_count(1)


def test_address_of_a_task_opens_its_row(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(f"{serve(app)}{ended}?state=bad#task-task_33")
    row = page.locator("[data-task=task_33]")
    assert row.evaluate("each => each.open && each.checkVisibility()")
    page.locator("[data-part=node-task_07] a").click()
    assert page.url.endswith("#task-task_07")
    assert page.locator("[data-task=task_07]").evaluate("each => each.open")
    page.go_back()
    assert page.url.endswith("#task-task_33")


def test_load_of_the_other_tasks_leaves_an_output_in_its_row(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    held: list[Route] = []
    page = open_page()
    page.route("**/live", lambda route: held.append(route))
    page.goto(f"{serve(app)}{ended}?find=task_33#task-task_33")
    page.wait_for_selector("[data-task=task_33] [data-output=whole]")
    expect(page.locator(".lf-attempt")).to_have_count(1)
    held[0].continue_()
    expect(page.locator(".lf-attempt")).to_have_count(TASKS)
    assert page.locator("[data-output=whole]").count() == 1
    assert page.locator("[data-task=task_33] [data-output=whole]").count() == 1


def test_nodes_of_many_tasks_have_few_elements_and_a_label(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    """All are laid out in one task of the browser's main thread."""
    page = open_page(serve(app) + ended)
    nodes = page.locator(".lf-small")
    expect(nodes).to_have_count(TASKS)
    assert (
        nodes.evaluate_all("all => Math.max(...all.map((a) => a.querySelectorAll('*').length))")
        <= 4
    )
    expect(page.get_by_role("link", name="task_07: failed", exact=True)).to_be_visible()


def test_printed_graph_fits_the_paper_and_keeps_its_icons(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended, viewport={"width": 760, "height": 1000})
    page.emulate_media(media="print")
    node, icon = page.locator(".lf-small").first, page.locator(".lf-small .lf-icon").first
    outer, inner = node.bounding_box(), icon.bounding_box()
    assert outer
    assert inner
    assert inner["width"] < outer["width"] / 4
    assert page.locator(".lf-graph").evaluate("each => each.scrollWidth <= each.clientWidth")


def test_graph_of_many_tasks_is_skipped_by_keyboard(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended)
    page.get_by_role("link", name="Skip the graph").press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-timeline]') !== null")


def test_graph_zooms_and_fits_by_keyboard(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended, viewport={"width": 600, "height": 800})
    graph, svg = page.locator(".lf-graph"), page.locator(".lf-graph > svg")
    full = svg.bounding_box()
    assert full
    assert page.locator(".lf-minimap").is_visible()
    for key, factor in (("+", 1.25), ("-", 1.0), ("0", 0.0), ("1", 1.0)):
        page.keyboard.press(key)
        shown = svg.bounding_box()
        assert shown
        if factor:
            assert shown["width"] == pytest.approx(factor * full["width"], abs=2)
        else:
            assert graph.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_tab_in_the_graph_ends_following(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    """The next update would move the node with the focus out of view."""
    page = open_page(serve(app) + ended)
    page.evaluate("document.querySelector('[data-graph-action=follow]').hidden = false")
    follow = page.locator("[data-graph-action=follow]")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.focus(".lf-graph")
    page.keyboard.press("Tab")
    expect(follow).to_have_attribute("aria-pressed", "false")


def test_nothing_moves_for_readers_who_want_less_motion(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended, reduced_motion="reduce")
    page.evaluate(
        "document.querySelectorAll('[data-kind]').forEach(each => each.dataset.kind = 'going')"
    )
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("document.getAnimations().length") > 0


def test_pressed_button_is_marked_in_forced_colors(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended, forced_colors="active")
    follow = page.locator("[data-graph-action=follow]")
    outline = "each => getComputedStyle(each).outlineStyle"
    assert follow.evaluate(outline) == "none"
    follow.evaluate("each => each.setAttribute('aria-pressed', 'true')")
    assert follow.evaluate(outline) == "solid"


def test_bars_of_progress_keep_their_colors_in_forced_colors(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    """Otherwise the bar and what is behind it have the color of the page."""
    page = open_page(serve(app) + ended)
    bar = page.locator("progress").first
    color = bar.evaluate("each => getComputedStyle(each).backgroundColor")
    page.emulate_media(forced_colors="active")
    assert bar.evaluate("each => getComputedStyle(each).backgroundColor") == color


def test_filters_work_without_scripts(
    app: Flask, serve: Serve, open_page: OpenPage, ended: str
) -> None:
    page = open_page(serve(app) + ended, java_script_enabled=False)
    page.locator(".lf-chip", has_text="failed").click()
    expect(page.locator(".lf-group:visible")).to_have_count(1)
    page.goto(f"{page.url.split('?')[0]}?find=task_1")
    expect(page.locator(".lf-attempt")).to_have_count(10)


@pytest.mark.parametrize("width", [1440, 390])
def test_page_of_many_tasks_is_accessible(
    app: Flask,
    serve: Serve,
    open_page: OpenPage,
    ended: str,
    check_accessibility: CheckAccessibility,
    width: int,
) -> None:
    page = open_page(serve(app) + ended, viewport={"width": width, "height": 900})
    page.locator("summary[data-part=group-good]").click()
    check_accessibility(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
