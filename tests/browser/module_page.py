"""A page that uses the module ``lakeflow.js``, and what it records."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from flask import Flask

from tests.support import RunGate

if TYPE_CHECKING:
    from playwright.sync_api import Page


#: A page's use of the module: it records all calls of its handlers.
WATCH = """
async ({urls, hide}) => {
  if (hide) delete window[hide];
  const { watchRun, watchRuns } = await import("/api/jobs/lakeflow.js");
  const calls = { outcomes: [], states: [], connections: [], errors: [], stale: 0, fresh: 0 };
  calls.ends = 0;
  window.calls = calls;
  const jobIn = (url) => url.split("/runs/")[0].split("/").at(-1);
  const on = {
    status: ({ outcome }, url, state) => {
      calls.outcomes.push([jobIn(url), outcome]);
      calls.states.push(state);
    },
    stale: () => calls.stale++,
    fresh: () => calls.fresh++,
    end: () => calls.ends++,
    error: (error, url) => calls.errors.push([error.status, error.problem.detail, url]),
    connection: (how) => calls.connections.push(how),
  };
  window.stop = urls.length === 1 ? watchRun(urls[0], on) : watchRuns(urls, on);
}
"""
RUN = """
async ({job, params, options}) => {
  const { runJob } = await import("/api/jobs/lakeflow.js");
  return runJob(job, params, options).catch(({ name, message, status, errors, problem }) =>
    ({ name, message, status, errors, problem }));
}
"""


def with_page(app: Flask) -> Flask:
    app.add_url_rule("/page", view_func=lambda: "<!doctype html><title>A page</title>")
    return app


def run(page: Page, job: str, params: Any = None, **options: Any) -> Any:
    arguments = {"job": f"/api/jobs/{job}", "params": params or {}, "options": options}
    return page.evaluate(RUN, arguments)


def watch(page: Page, *urls: str, hide: str = "") -> None:
    page.evaluate(WATCH, {"urls": urls, "hide": hide})


def read_calls(page: Page) -> Any:
    return page.evaluate("calls")


def wait_for_outcome(page: Page, outcome: str) -> None:
    page.wait_for_function(
        "outcome => calls.outcomes.some(([, each]) => each === outcome)", arg=outcome
    )


def run_clock_until_end(page: Page) -> None:
    """Let the time of a page pass until its run has ended."""
    run_clock_until_call(page, "ends")


def run_clock_until_call(page: Page, handler: str) -> None:
    """Let the time of a page pass until a handler is called, such as ``fresh``."""
    while not read_calls(page)[handler]:
        page.clock.run_for(500)


def wait_for_end(page: Page) -> list[str]:
    """Wait for the end of the only run and return its outcomes: "running" while it is pending, too.

    Each state is reported once.
    """
    page.wait_for_function("calls.ends > 0")
    assert read_calls(page)["ends"] == 1
    assert read_calls(page)["connections"][-1] == "closed"
    outcomes = [outcome for _, outcome in read_calls(page)["outcomes"]]
    assert outcomes.count("succeeded") == 1
    states = read_calls(page)["states"]
    assert len(states) == len({*states})
    return [outcome for outcome, _ in groupby(outcomes)]


def start_gated(page: Page, run_gate: RunGate) -> str:
    """Start a run that waits for the gate, and return its URL."""
    return str(run(page, "gated", run_gate.params)["url"])
