"""Updates of a page leave its reader where they are: selection, focus, scroll position, search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.run_pages import DEFINE_SHOW, wait_for_end, wait_for_task
from tests.console.support import start
from tests.support import RunGate

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenPage
    from tests.browser.proxy import MakeProxy

WAIT = "[id$=-wait-1]"

#: Calls `load` twice, the second time before the first response is there.
LOAD_TWICE = """async (script) => {
  const { LivePart } = await import(script);
  const root = document.createElement("div");
  root.dataset.reloads = "";
  root.innerHTML = "<p data-part=state>running</p>";
  document.body.append(root);
  const responses = [];
  window.fetch = () => new Promise((resolve) => responses.push(resolve));
  const answer = (state) => {
    const body = `<div><p data-part=state>${state}</p></div>`;
    responses.shift()(new Response(body, { headers: { "Content-Type": "text/html" } }));
  };
  const part = new LivePart(root);
  const loaded = part.load();
  part.load();
  answer("running");
  while (!responses.length && (await Promise.race([loaded.then(() => true), 0])) !== true)
    await new Promise(requestAnimationFrame);
  if (responses.length) answer("ended");
  await loaded;
  return root.textContent;
}"""


@pytest.fixture
def page(app: Flask, site: str, open_page: OpenPage, run_gate: RunGate) -> Page:
    """The page of a run whose second task of three waits for the gate."""
    page = open_page(f"{site}/jobs/gated/runs/{start(app, 'gated', run_gate.params)}")
    wait_for_task(page, "wait", "going")
    return page


def test_row_that_was_opened_before_its_task_ran_has_its_output(
    page: Page, run_gate: RunGate
) -> None:
    page.click("[id$=-after-1] summary")
    page.wait_for_selector("[id$=-after-1] .lf-log")
    run_gate.open()
    wait_for_end(page)
    page.wait_for_selector("[id$=-after-1]:has-text('The task has left no output.')")


def test_end_of_a_task_leaves_the_reader_in_its_log(page: Page, run_gate: RunGate) -> None:
    page.click(f"{WAIT} summary")
    page.wait_for_selector(f"{WAIT} .lf-log-line:has-text('line 40')")
    page.fill(f"{WAIT} [type=search]", "line 1")
    page.focus(f"{WAIT} .lf-log")  # as a mouse that selects
    page.evaluate(
        """(log) => {
          document.querySelector(log).scrollTop = 50;
          getSelection().selectAllChildren(document.querySelectorAll(`${log} span`)[11]);
        }""",
        f"{WAIT} .lf-log",
    )
    page.wait_for_selector(f"{WAIT} [aria-pressed=false]")
    run_gate.open()
    page.wait_for_selector(f"{WAIT} [data-output=whole]")
    page.wait_for_selector(f"{WAIT} .lf-lines[data-final]")
    assert page.locator(f"{WAIT} .lf-log-line").last.text_content() == "42over"
    assert page.evaluate("log => document.querySelector(log).scrollTop", f"{WAIT} .lf-log") == 50
    assert page.input_value(f"{WAIT} [type=search]") == "line 1"
    assert page.evaluate("String(getSelection())") == "line 12"


def test_end_of_a_task_keeps_the_focus_on_the_button_of_its_row(
    page: Page, run_gate: RunGate
) -> None:
    button = f"{WAIT} [data-copies-link]"
    page.click(f"{WAIT} summary")
    page.wait_for_selector(f"{WAIT} .lf-log")
    page.focus(button)
    run_gate.open()
    wait_for_end(page)
    page.wait_for_selector(f"{WAIT} [data-output=whole]")
    assert page.locator(button).count() == 1
    assert page.evaluate("button => document.activeElement.matches(button)", button)


def test_end_of_a_run_moves_the_focus_from_cancel_to_the_title(
    page: Page, run_gate: RunGate
) -> None:
    page.focus("summary:has-text('Cancel')")
    run_gate.open()
    wait_for_end(page)
    assert page.evaluate("document.activeElement.className") == "lf-title"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Copy link"


def test_updates_of_a_part_keep_the_selected_text(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs")
    script = page.evaluate("document.querySelector('script[src*=\"console.js\"]').src")
    selected, text = page.evaluate(
        """async (script) => {
          const { replace } = await import(script);
          const [live, next, last] = ["1 s", "2 s", "3 s"].map((took) => {
            const part = document.createElement("div");
            part.dataset.part = "part";
            part.innerHTML = `<p>run</p><p>${took}</p>`;
            return part;
          });
          document.body.append(live);
          const noticed = new Promise((each) => document.addEventListener("selectionchange", each));
          getSelection().selectAllChildren(live.firstChild);
          await noticed;
          const shown = replace(replace(live, next), last); // at once, before another event
          return [String(getSelection()), shown.textContent];
        }""",
        script.replace("console.js", "patch.js"),
    )
    assert (selected, text) == ("run", "run3 s")


def test_new_row_has_its_size_in_its_first_frame(page: Page) -> None:
    """Otherwise each update moves the rows below it, and back."""
    tops = page.evaluate(
        """async () => {
          const [row, next] = document.querySelectorAll(".lf-attempt");
          const copies = Array.from({ length: 8 }, () => row.cloneNode(true));
          row.replaceWith(...copies); // differences of a pixel add up
          const tops = [];
          for (let frame = 0; frame < 4; frame++) {
            await new Promise(requestAnimationFrame);
            tops.push(next.getBoundingClientRect().top);
          }
          return tops;
        }"""
    )
    assert len({*tops}) == 1


def test_unchanged_times_are_not_written_again(page: Page) -> None:
    """They are checked every few seconds, and a written text loses its selection."""
    assert page.evaluate(
        """async () => {
          const time = document.querySelector(".lf-facts time");
          const text = time.firstChild;
          document.documentElement.dataset.lfTimes = "local";
          await new Promise(requestAnimationFrame);
          return text.isConnected;
        }"""
    )


def test_unchanged_count_of_matches_is_not_announced_again(page: Page) -> None:
    page.click(f"{WAIT} summary")
    page.wait_for_selector(f"{WAIT} .lf-log-line:has-text('line 40')")
    page.fill(f"{WAIT} [type=search]", "line 1")
    page.evaluate(
        """(state) => {
          window.announced = 0;
          new MutationObserver(() => announced++)
            .observe(document.querySelector(state), { childList: true, characterData: true });
        }""",
        f"{WAIT} [data-log-state]",
    )
    for _ in range(2):
        with page.expect_response("**/lines*"):
            pass
    assert page.text_content(f"{WAIT} [data-log-state]") == "10 matches"
    assert page.evaluate("window.announced") == 0


def test_durations_of_a_list_stand_still_while_it_cannot_be_loaded(
    app: Flask, site: str, open_page: OpenPage, make_proxy: MakeProxy, run_gate: RunGate
) -> None:
    start(app, "gated", run_gate.params)
    proxy = make_proxy(site)
    page = open_page()
    page.clock.install()
    page.goto(f"{proxy.url}/jobs/gated")
    proxy.is_down = True
    page.clock.run_for(30_000)
    page.wait_for_selector(".lf-notice:has-text('Shown is the state of')")
    durations = page.locator("[data-ticks]").all_text_contents()
    page.clock.run_for(5_000)
    assert page.locator("[data-ticks]").all_text_contents() == durations != []


def test_list_that_is_visible_again_shows_runs_started_meanwhile(
    app: Flask, site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    """Firefox and Safari keep a list that has no stream, and show it after Back as it was."""
    page = open_page()
    page.add_init_script("window.setInterval = () => 0")  # none of its regular loads
    page.goto(f"{site}/jobs/gated")
    page.evaluate(DEFINE_SHOW)
    page.evaluate("show(false)")
    run_id = start(app, "gated", run_gate.params)
    page.evaluate("show(true)")
    page.wait_for_selector(f"[data-part=run-{run_id}]")


def test_update_during_a_load_is_loaded_after_it(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/jobs")
    script = page.evaluate("document.querySelector('script[src*=\"console.js\"]').src")
    assert page.evaluate(LOAD_TWICE, script.replace("console.js", "live_parts.js")) == "ended"


def test_update_of_a_part_does_not_read_the_selection(site: str, open_page: OpenPage) -> None:
    """That lays out the page, and an update may have hundreds of parts."""
    page = open_page(f"{site}/jobs")
    script = page.evaluate("document.querySelector('script[src*=\"console.js\"]').src")
    reads = page.evaluate(
        """async (script) => {
          const { replace } = await import(script);
          const [live, next] = ["1", "2"].map((text) => {
            const part = document.createElement("p");
            part.dataset.part = "part";
            part.textContent = text;
            return part;
          });
          document.body.append(live);
          let reads = 0;
          window.getSelection = () => void reads++;
          replace(live, next);
          return reads;
        }""",
        script.replace("console.js", "patch.js"),
    )
    assert reads == 0
