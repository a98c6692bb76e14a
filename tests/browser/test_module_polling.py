"""The module ``lakeflow.js`` where streams are missing, refused or buffered, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from flask import abort, request

from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace
from tests.browser.conftest import OpenPage
from tests.browser.module_page import (
    read_calls,
    run_clock_until_call,
    run_clock_until_end,
    start_gated,
    wait_for_end,
    wait_for_outcome,
    watch,
    with_page,
)
from tests.browser.proxy import MakeProxy
from tests.browser.run_pages import DEFINE_SHOW
from tests.conftest import MakeApp, Serve
from tests.support import RunGate, wait_until


@pytest.fixture
def site(make_app: MakeApp, serve: Serve) -> str:
    return serve(with_page(make_app()))


def test_watch_run_without_event_source_polls(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    watch(page, start_gated(page, run_gate), hide="EventSource")
    wait_for_outcome(page, "running")
    page.clock.run_for(6_000)
    wait_until(lambda: proxy.count("poll=1") >= 2, "the second poll")
    assert proxy.count("poll=1", "lastEventId=") == proxy.count("poll=1") - 1
    run_gate.open()
    run_clock_until_end(page)
    assert wait_for_end(page) == ["running", "succeeded"]
    assert read_calls(page)["connections"] == ["polling", "closed"]


def test_watch_runs_that_polls_follows_the_others_after_an_error_of_one(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    """Each poll repeats the error."""
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    watch(page, start_gated(page, run_gate), "/api/jobs/quick/runs/99", hide="EventSource")
    for polls in range(1, 5):
        wait_until(lambda: proxy.count("poll=1") >= polls, f"poll {polls}")  # noqa: B023
        page.clock.run_for(6_000)
    run_gate.open()
    run_clock_until_end(page)
    assert read_calls(page)["outcomes"][-1] == ["gated", "succeeded"]
    assert len(read_calls(page)["errors"]) == 1


#: Bytes of a query that gunicorn accepts: with the rest of its line, the request has 4,094.
MAX_QUERY = 4_060


def test_watch_runs_whose_states_do_not_fit_into_a_url_reports_each_once(
    make_app: MakeApp, serve: Serve, open_page: OpenPage, run_gate: RunGate
) -> None:
    app = with_page(make_app(jobs={(key := "k" * 60): {"of": "never"}}))
    polls: list[int] = []

    @app.before_request
    def limit_url() -> None:
        if len(request.query_string) > MAX_QUERY:
            abort(414)
        if "poll" in request.args:
            polls.append(len(request.query_string))

    client = app.test_client()
    urls = [client.post(f"/api/jobs/{key}/run").headers["Location"] for _ in range(36)]
    page = open_page(f"{serve(app)}/page")
    page.clock.install()
    paths = [url.removeprefix("http://localhost") for url in urls]
    watch(page, start_gated(page, run_gate), *paths, hide="EventSource")
    wait_for_outcome(page, "running")
    page.clock.run_for(6_000)
    wait_until(lambda: len(polls) > 1 or read_calls(page)["errors"], "the second poll")
    assert read_calls(page)["errors"] == []
    run_gate.open()
    run_clock_until_end(page)
    assert [job for job, _ in read_calls(page)["outcomes"]].count(key) == len(urls)


#: Breaks the connection in the middle of the second response that a page reads.
CUT = """
() => {
  const { text } = Response.prototype;
  window.texts = 0;
  Response.prototype.text = async function () {
    if (++texts === 2) throw new TypeError("network error");
    return text.call(this);
  };
}
"""

#: Polls a run with a handler that fails at each state.
WATCH_AND_FAIL = """
async (url) => {
  delete window.EventSource;
  addEventListener("unhandledrejection", (event) => event.preventDefault());
  const { watchRun } = await import("/api/jobs/lakeflow.js");
  window.calls = { states: 0, ends: 0 };
  const status = () => { calls.states++; throw new Error("the page's own"); };
  watchRun(url, { status, end: () => calls.ends++ });
}
"""


def test_poll_whose_connection_breaks_is_repeated(
    site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/page")
    page.clock.install()
    url = start_gated(page, run_gate)
    page.evaluate(CUT)
    watch(page, url, hide="EventSource")
    wait_for_outcome(page, "running")
    run_gate.open()
    run_clock_until_end(page)
    assert wait_for_end(page)[-1] == "succeeded"
    assert page.evaluate("texts") > 2


def test_watch_run_continues_after_an_error_of_its_handler(
    site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/page")
    page.clock.install()
    page.evaluate(WATCH_AND_FAIL, start_gated(page, run_gate))
    page.wait_for_function("calls.states > 0")
    run_gate.open()
    run_clock_until_end(page)
    assert read_calls(page)["states"] > 1


def test_watch_run_polls_if_a_proxy_buffers_streams(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    url = start_gated(page, run_gate)
    proxy.is_buffering = True
    watch(page, url)
    wait_until(lambda: proxy.count("/stream"), "the stream")
    page.clock.run_for(10_000)
    wait_for_outcome(page, "running")
    run_gate.open()
    run_clock_until_end(page)
    wait_for_end(page)
    assert proxy.count("/stream") == 1 + proxy.count(
        "poll=1"
    )  # the module does not try streams again


def test_watch_run_keeps_a_silent_stream_after_a_check(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    page.clock.run_for(31_000)
    wait_until(lambda: proxy.count("poll=1"), "the check")
    run_gate.open()
    assert wait_for_end(page) == ["running", "succeeded"]
    assert proxy.count("/stream") == 1 + proxy.count("poll=1")  # the module kept the stream


def test_watch_run_keeps_its_stream_in_an_outage_of_the_workspace(
    site: str,
    make_proxy: MakeProxy,
    open_page: OpenPage,
    run_gate: RunGate,
    fault_proxy: FaultyWorkspace,
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    fault_proxy.fail(Drop())
    page.wait_for_function("calls.stale === 1")
    page.clock.run_for(31_000)
    wait_until(lambda: proxy.count("poll=1"), "the check")
    fault_proxy.clear_faults()
    page.wait_for_function("calls.fresh === 1")
    run_gate.open()
    wait_for_end(page)
    assert read_calls(page)["connections"] == ["connecting", "live", "closed"]


@pytest.mark.parametrize("hide", ["EventSource", ""])
def test_watch_run_is_fresh_again_in_the_next_response(
    site: str,
    make_proxy: MakeProxy,
    open_page: OpenPage,
    run_gate: RunGate,
    fault_proxy: FaultyWorkspace,
    hide: str,
) -> None:
    """A poll never has the event, and neither has a new stream."""
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    watch(page, start_gated(page, run_gate), hide=hide)
    wait_for_outcome(page, "running")
    fault_proxy.fail(Drop())
    run_clock_until_call(page, "stale")
    with proxy.hold():
        proxy.cut()
        fault_proxy.clear_faults()
    run_clock_until_call(page, "fresh")
    run_gate.open()
    run_clock_until_end(page)


def test_watch_run_polls_if_a_gateway_refuses_streams(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    url = start_gated(page, run_gate)
    page.evaluate("import('/api/jobs/lakeflow.js')")
    page.clock.install()
    proxy.is_down = True
    watch(page, url)
    wait_until(lambda: proxy.count("poll=1"), "the first poll")
    proxy.is_down = False
    run_gate.open()
    run_clock_until_end(page)
    wait_for_end(page)


@pytest.mark.parametrize("is_problem", [True, False])
def test_watch_run_survives_maintenance_of_the_app(
    make_app: MakeApp, serve: Serve, open_page: OpenPage, run_gate: RunGate, is_problem: bool
) -> None:
    app = with_page(make_app())
    refused: list[str] = []

    @app.before_request
    def refuse() -> Any:
        if not is_down or "/stream" not in request.path:
            return None
        refused.append(request.path)
        return abort(503) if is_problem else ({"error": "maintenance"}, 503)

    is_down = False
    page = open_page(f"{serve(app)}/page")
    url = start_gated(page, run_gate)
    page.evaluate("import('/api/jobs/lakeflow.js')")
    page.clock.install()
    is_down = True
    watch(page, url)
    wait_until(lambda: len(refused) >= 2, "the refused stream and the first poll")
    is_down = False
    run_gate.open()
    run_clock_until_end(page)
    assert read_calls(page)["errors"] == []
    wait_for_end(page)


def test_watch_run_hidden_page_does_not_poll(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    url = start_gated(page, run_gate)
    page.evaluate(DEFINE_SHOW)
    page.evaluate("show(false)")
    watch(page, url, hide="EventSource")
    page.clock.run_for(60_000)
    assert proxy.count("poll=1") == 0
    assert read_calls(page)["connections"] == ["paused"]
    page.evaluate("show(true)")
    page.clock.run_for(10)
    wait_for_outcome(page, "running")


def test_watch_run_hidden_page_gives_its_stream_back(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    """Over HTTP/1.1, six streams in other tabs would keep the browser from loading a page."""
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    page.evaluate(DEFINE_SHOW)
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    page.evaluate("show(false)")
    page.clock.run_for(5_000)
    page.evaluate("show(true)")
    page.clock.run_for(10_000)
    assert read_calls(page)["connections"] == ["connecting", "live"]
    page.evaluate("show(false)")
    page.clock.run_for(60_000)
    assert read_calls(page)["connections"][-1] == "paused"
    streams = proxy.count("/stream")
    run_gate.open()
    page.evaluate("show(true)")
    run_clock_until_end(page)
    assert wait_for_end(page)[-1] == "succeeded"
    assert proxy.count("/stream") > streams


def test_watch_run_offline_page_resumes_when_online(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/page")
    watch(page, start_gated(page, run_gate), hide="EventSource")
    wait_for_outcome(page, "running")
    page.clock.install()
    page.context.set_offline(True)
    page.clock.run_for(6_000)
    page.wait_for_function("calls.connections.at(-1) === 'offline'")
    run_gate.open()
    page.context.set_offline(False)
    page.clock.run_for(10)
    page.wait_for_function("calls.connections.at(-1) !== 'offline'")
    run_clock_until_end(page)
    wait_for_end(page)
