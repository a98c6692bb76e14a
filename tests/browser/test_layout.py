"""Sizes, colors and accessibility of the console in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask, render_template_string

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.browser.conftest import ALLOW_NOTIFICATIONS, CheckAccessibility, OpenPage
from tests.browser.run_pages import click_link, wait_for_end, wait_for_task
from tests.conftest import Serve
from tests.console.support import run, shop_app, start
from tests.local.support import write_bundle
from tests.support import RunGate

if TYPE_CHECKING:
    from tests.console.conftest import MakeShop


WIDE, NARROW = 1280, 390


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


def test_updates_of_200_tasks_replace_only_what_changed(
    tmp_path: Path, serve: Serve, open_page: OpenPage
) -> None:
    """The benchmarks measure the time that updates take."""
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
              window.graph = document.querySelector(".lf-graph");
              window.nodes = 0;
              new MutationObserver((changes) => {
                for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes]))
                  nodes += node.matches?.("[data-part^=node-]") ?? 0;
              }).observe(graph, { subtree: true, childList: true });
            }"""
        )
        wait_for_end(page)
        assert page.locator(".lf-node[data-kind=good]").count() == 200
        assert page.evaluate("graph.isConnected")
        assert page.evaluate("nodes") <= 4 * 200  # blocked, pending, running, ended
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
        page.goto(f"{site}/{name}/runs/{runs[0]}")
        ends = page.locator(".lf-split > :last-child").all()
        assert len(ends) == 4, "both tasks, in the graph and in the timeline"
        for end in ends:
            assert end.evaluate("""each => each.getBoundingClientRect().right <=
                each.closest(".lf-node, .lf-name").getBoundingClientRect().right""")
        page.set_viewport_size({"width": 320, "height": 256})  # 400 % of 1280 by 1024
        for begin in page.locator(".lf-row .lf-split > :first-child").all():
            assert begin.evaluate("each => each.scrollWidth <= each.clientWidth"), "it is whole"
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{site}/~runs")
        table = page.get_by_role("region", name="Runs")
        assert table.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_all_runs_page_has_the_same_columns_in_each_row_on_a_phone(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    for key in ("hourly", "flaky"):
        run(app, key)
    page = open_page(f"{site}/jobs/~runs", viewport={"width": NARROW, "height": 700})
    places = page.locator(".lf-took").evaluate_all(
        "cells => cells.map(each => each.getBoundingClientRect().left)"
    )
    assert len(places) > 1
    assert len({*places}) == 1
    page.set_viewport_size({"width": 320, "height": 256})
    for row in page.locator(".lf-runs tbody tr").all():
        start, job = (row.locator(each).bounding_box() for each in (".lf-row-link", ".lf-job-key"))
        assert start
        assert job
        assert start["x"] + start["width"] + 8 <= job["x"]


@pytest.mark.parametrize(
    "page_path", ["flaky", "~runs", "?view=table", "flaky/compare?run={0}&run={1}"]
)
def test_tables_have_no_column_out_of_view(
    app: Flask, site: str, open_page: OpenPage, page_path: str
) -> None:
    runs = [run(app, key) for key in ("hourly", "flaky", "flaky")]
    page = open_page(f"{site}/jobs/{page_path.format(*runs[1:])}")
    for width in (360, 720, 820, 1025, WIDE):
        page.set_viewport_size({"width": width, "height": 700})
        hidden = "boxes => boxes.map(box => box.scrollWidth - box.clientWidth)"
        assert not any(page.locator(".lf-scroll").evaluate_all(hidden)), width


def test_pages_fit_a_phone(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
) -> None:
    app = make_shop(user_loader=lambda: "ada.lovelace-with-a-rather-long-name@example.com")
    run_id = run(app, "nightly", {"day": "2026-11-23"})
    page = open_page(f"{serve(app)}/jobs/nightly", viewport={"width": NARROW, "height": 700})
    assert page.evaluate(
        "(crumb => crumb.scrollWidth <= crumb.clientWidth)(document.querySelector('.lf-crumbs li'))"
    )
    page.goto(f"{page.url}/runs/{run_id}")
    assert page.evaluate(
        "[...document.querySelectorAll('.lf-crumbs li')]"
        ".every(crumb => crumb.scrollWidth <= crumb.clientWidth)"
    )
    marks = page.locator(".lf-marks text")
    assert marks.count() > 2
    for width in (NARROW, 820):  # more would overlap
        page.set_viewport_size({"width": width, "height": 700})
        assert sum(mark.is_visible() for mark in marks.all()) == (marks.count() + 1) // 2


def test_history_does_not_break_words_in_cells(app: Flask, site: str, open_page: OpenPage) -> None:
    run(app, "flaky")
    page = open_page(f"{site}/jobs/flaky", viewport={"width": 1025, "height": 700})
    assert (
        page.evaluate(
            "(who => { const range = document.createRange();"
            " range.selectNodeContents(who.firstChild); return range.getClientRects().length;"
            " })(document.querySelector('td.lf-who'))"
        )
        == 1
    )


def test_history_shows_parameters_over_the_whole_row_of_a_narrow_page(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    run(app, "hourly", {"job_parameters": {"day": "2025-01-01"}})
    page = open_page(f"{site}/jobs/hourly", viewport={"width": 640, "height": 700})
    # Runs of other tests are below, most without parameters.
    widths = page.locator("td.lf-parameters").first.evaluate(
        "cell => [cell.offsetWidth, cell.parentElement.clientWidth]"
    )
    assert widths[0] > 0.8 * widths[1]


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
    page.click("summary:text('More')")
    check_accessibility(page)


def test_nodes_of_the_graph_hold_their_text_at_double_size(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page()
    fonts = {"fontSizes": {"standard": 32, "fixed": 26}}
    page.context.new_cdp_session(page).send("Page.setFontSizes", fonts)
    page.goto(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
    for name in page.locator(".lf-node strong").all():
        assert name.evaluate("each => each.scrollHeight <= each.clientHeight")


def test_small_graph_is_printed_in_its_size_and_without_buttons(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs/flaky/runs/{run(app, 'flaky')}")
    graph = page.locator(".lf-graph > svg")
    shown = graph.bounding_box()
    page.emulate_media(media="print")
    printed = graph.bounding_box()
    assert shown
    assert printed
    assert (printed["width"], printed["height"]) == (shown["width"], shown["height"])
    assert page.locator(".lf-button:visible").count() == 0


def test_dark_page_is_printed_in_the_colors_of_paper(
    app: Flask, site: str, open_page: OpenPage
) -> None:
    page = open_page(f"{site}/jobs")
    color = "getComputedStyle(document.querySelector('main')).color"
    dark_on_light = page.evaluate(color)
    page.evaluate("document.documentElement.dataset.lfTheme = 'dark'")
    assert page.evaluate(color) != dark_on_light
    page.emulate_media(media="print")
    assert page.evaluate(color) == dark_on_light


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_all_pages_are_accessible(
    make_shop: MakeShop,
    serve: Serve,
    open_page: OpenPage,
    check_accessibility: CheckAccessibility,
    run_gate: RunGate,
    screenshots: Path,
    width: int,
) -> None:
    app = make_shop(
        user_loader=lambda: "ada@example.com",
        config={"LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER": "asked_by"},
    )
    url = f"{serve(app)}/jobs"
    page = open_page(
        f"{url}/nightly/run",
        viewport={"width": width, "height": 800},
        timezone_id="UTC",
        reduced_motion="reduce",
    )

    page.add_init_script(ALLOW_NOTIFICATIONS)

    def check(screenshot: str = "") -> None:
        for scheme in ("dark", "light") if screenshot and width == WIDE else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=screenshots / f"{screenshot}-{scheme}.png", full_page=True)
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

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
    check()
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


def test_text_in_a_right_to_left_script_has_its_direction(
    make_shop: MakeShop, serve: Serve, open_page: OpenPage
) -> None:
    app = make_shop(jobs={"hourly": {"description": "تحميل الطلبات (hourly)."}})
    url = f"{serve(app)}/jobs"
    page = open_page()
    paths = ("?q=hourly", "?q=hourly&view=table", "/hourly", "/hourly/run")
    for path in (*paths, f"/hourly/runs/{run(app, 'hourly')}"):
        page.goto(f"{url}{path}")
        assert page.locator("main :dir(rtl):text('تحميل')").count() == 1, path


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_scripts_of_a_live_run_move_little(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    page.add_init_script(ALLOW_NOTIFICATIONS)
    page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver((list) => {
          for (const { value } of list.getEntries()) moved += value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.goto(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    page.wait_for_selector("[data-connection=live]")
    moved = page.evaluate("moved")
    assert moved < 0.02
