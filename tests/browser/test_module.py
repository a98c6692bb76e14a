"""The module ``lakeflow.js`` in Chromium, against the extension on a real server."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort, request

from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from tests.browser.conftest import OpenPage
from tests.browser.proxy import Proxy
from tests.conftest import MakeApp, Serve
from tests.support import RunGate, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakeProxy = Callable[[str], Proxy]

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


@pytest.fixture
def site(make_app: MakeApp, serve: Serve) -> str:
    return serve(with_page(make_app()))


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


def test_module_is_served_as_javascript_with_an_etag(app: Flask) -> None:
    client = app.test_client()
    answer = client.get("/api/jobs/lakeflow.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get("/api/jobs/lakeflow.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_run_job_starts_a_run(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    started = run(page, "greeting", {"who": "Ada"})
    assert started["url"] == f"/api/jobs/greeting/runs/{started['runId']}"
    assert not started["replayed"]
    watch(page, started["url"])
    wait_for_end(page)


def test_run_job_with_one_key_starts_one_run(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    one = run(page, "quick", idempotencyKey="key")
    other = run(page, "quick", idempotencyKey="key")
    third = run(page, "quick")
    assert one["runId"] == other["runId"] != third["runId"]
    assert (one["replayed"], other["replayed"]) == (False, True)


def test_run_job_invalid_parameters_are_errors_by_field(
    make_app: MakeApp, serve: Serve, open_page: OpenPage
) -> None:
    from marshmallow import fields

    jobs = {"day": {"of": "never", "task_type": "job", "params": {"day": fields.Date()}}}
    page = open_page(f"{serve(with_page(make_app(jobs=jobs)))}/page")
    refused = run(page, "day", {"day": "someday"})
    assert refused["name"] == "JobsError"
    assert refused["status"] == 400
    assert refused["errors"] == {"day": ["Not a valid date."]}
    assert refused["problem"]["detail"] == refused["message"]


def test_run_job_lost_response_starts_no_second_run(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, fault_proxy: FaultyWorkspace
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.evaluate(
        """
        () => {
          let calls = 0;
          window.fetchOnce = async (...request) => {
            const response = await fetch(...request);
            if (++calls === 1) throw new TypeError("The response was lost.");
            return response;
          };
        }
        """
    )
    started = page.evaluate(
        """async () => {
          const { runJob } = await import("/api/jobs/lakeflow.js");
          return runJob("/api/jobs/quick", {}, { fetch: fetchOnce });
        }"""
    )
    assert proxy.count("POST", "/quick/run") == 2
    assert started["replayed"]
    tokens = {
        request.body["idempotency_token"]
        for request in fault_proxy.find_requests("POST", "run-now")
    }
    assert len(tokens) == 1


def test_run_job_retries_while_gateway_is_down(
    site: str, make_proxy: MakeProxy, open_page: OpenPage
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.evaluate("import('/api/jobs/lakeflow.js')")
    proxy.down_for = ("/api/jobs/quick/run",)
    page.evaluate(
        "given => void (window.started = (" + RUN + ")(given))", {"job": "/api/jobs/quick"}
    )
    wait_until(lambda: proxy.count("POST", "/quick/run"), "the first attempt")
    proxy.down_for = ()
    assert page.evaluate("started")["runId"]


def test_run_job_long_retry_after_is_an_error(
    site: str, open_page: OpenPage, fault_proxy: FaultyWorkspace
) -> None:
    page = open_page(f"{site}/page")
    rule = fault_proxy.fail(Refusal(429, retry_after=300), path="run-now", times=1)
    refused = run(page, "quick")  # five minutes are too long to wait
    assert refused["status"] == 429
    assert rule.applied == 1


def test_watch_run_reports_updates_until_the_end(
    site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/page")
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    run_gate.open()
    assert wait_for_end(page)[-1] == "succeeded"
    assert read_calls(page)["connections"] == ["connecting", "live", "closed"]
    assert not read_calls(page)["errors"]


def test_watch_run_resumes_after_a_cut_stream(
    site: str,
    make_proxy: MakeProxy,
    open_page: OpenPage,
    run_gate: RunGate,
    fault_proxy: FaultyWorkspace,
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    before = read_calls(page)["outcomes"]
    proxy.cut()
    page.wait_for_function("calls.connections.at(-1) === 'connecting'")
    page.wait_for_function("calls.connections.at(-1) === 'live'")
    assert read_calls(page)["outcomes"] == before  # no state is reported twice
    run_gate.open()
    wait_for_end(page)
    assert proxy.count("/stream") == 2
    assert len(fault_proxy.find_requests("POST", "run-now")) == 1


def test_watch_runs_shares_one_stream(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    urls = [run(page, "quick")["url"], start_gated(page, run_gate), run(page, "failing")["url"]]
    watch(page, *urls)
    wait_for_outcome(page, "failed")
    run_gate.open()
    page.wait_for_function("calls.ends")
    last = dict(read_calls(page)["outcomes"])
    assert last == {"quick": "succeeded", "gated": "succeeded", "failing": "failed"}
    assert proxy.count("/stream") == 1


def test_watch_runs_missing_run_is_an_error_of_that_run(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    gone = "/api/jobs/quick/runs/99"
    watch(page, run(page, "quick")["url"], gone)
    page.wait_for_function("calls.connections.at(-1) === 'closed'")
    ((status, detail, url),) = read_calls(page)["errors"]
    assert (status, url) == (404, gone)
    assert "no run 99" in detail
    assert read_calls(page)["outcomes"][-1] == ["quick", "succeeded"]


def test_watch_run_missing_run_is_an_error_with_detail(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    watch(page, "/api/jobs/quick/runs/99")
    page.wait_for_function("calls.errors.length")
    ((status, detail, _),) = read_calls(page)["errors"]
    assert status == 404
    assert "no run 99" in detail
    assert read_calls(page)["connections"][-1] == "closed"


def test_watch_run_transient_failure_is_stale_then_fresh(
    site: str, open_page: OpenPage, run_gate: RunGate, fault_proxy: FaultyWorkspace
) -> None:
    page = open_page(f"{site}/page")
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    fault_proxy.fail(Drop())
    page.wait_for_function("calls.stale === 1")
    fault_proxy.clear_faults()
    page.wait_for_function("calls.fresh === 1")
    run_gate.open()
    wait_for_end(page)
    assert not read_calls(page)["errors"]


def test_watch_run_calls_no_handler_after_stop(
    site: str, open_page: OpenPage, run_gate: RunGate
) -> None:
    page = open_page(f"{site}/page")
    watch(page, start_gated(page, run_gate))
    wait_for_outcome(page, "running")
    page.evaluate("stop(), stop()")
    recorded = read_calls(page)
    assert recorded["connections"][-1] == "closed"
    other = open_page(f"{site}/page")
    run_gate.open()
    watch(other, start_gated(other, run_gate))
    wait_for_end(other)
    assert read_calls(page) == recorded


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
    while not read_calls(page)["ends"]:
        page.clock.run_for(1_000)
    assert wait_for_end(page) == ["running", "succeeded"]
    assert read_calls(page)["connections"] == ["polling", "closed"]


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
    while not read_calls(page)["ends"]:
        page.clock.run_for(1_000)
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
    while not read_calls(page)["ends"]:
        page.clock.run_for(500)
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
    while not read_calls(page)["ends"]:
        page.clock.run_for(500)
    assert read_calls(page)["errors"] == []
    wait_for_end(page)


def test_watch_run_hidden_page_does_not_poll(
    site: str, make_proxy: MakeProxy, open_page: OpenPage, run_gate: RunGate
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    page.clock.install()
    url = start_gated(page, run_gate)
    page.evaluate(
        """() => {
          window.show = (visible) => {
            Object.defineProperty(document, "hidden", { value: !visible, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
          };
          show(false);
        }"""
    )
    watch(page, url, hide="EventSource")
    page.clock.run_for(60_000)
    assert proxy.count("poll=1") == 0
    assert read_calls(page)["connections"] == ["paused"]
    page.evaluate("show(true)")
    page.clock.run_for(10)
    wait_for_outcome(page, "running")


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
    while not read_calls(page)["ends"]:
        page.clock.run_for(1_000)
    wait_for_end(page)


def test_watch_run_sign_in_page_is_an_error(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    page.route("**/stream*", lambda route: route.fulfill(content_type="text/html", body="Sign in"))
    watch(page, "/api/jobs/quick/runs/1", hide="EventSource")
    page.wait_for_function("calls.errors.length")
    assert "sign in" in read_calls(page)["errors"][0][1]


def test_watch_run_ended_run_is_reported_once(
    site: str, make_proxy: MakeProxy, open_page: OpenPage
) -> None:
    proxy = make_proxy(site)
    page = open_page(f"{proxy.url}/page")
    url = run(page, "quick")["url"]
    watch(page, url)
    wait_for_end(page)
    requests = proxy.count("/stream")
    watch(page, url)
    assert wait_for_end(page) == ["succeeded"]
    assert proxy.count("/stream") == requests + 1  # the module does not reconnect


def test_watch_run_recovers_a_lost_end_event(site: str, open_page: OpenPage) -> None:
    """The last state arrives without the end; the response to the reconnect has it."""
    page = open_page(f"{site}/page")
    url = run(page, "never")["url"]
    whole = page.request.get(f"{site}{url}/stream?poll=1").text()
    cut = "retry: 10\n\n" + whole[whole.index("id:") : whole.index("event: end")]
    page.route(
        "**/stream",
        lambda route: route.fulfill(content_type="text/event-stream", body=cut),
        times=1,
    )
    watch(page, url)
    page.wait_for_function("calls.ends")
    assert read_calls(page)["outcomes"] == [["never", "skipped"]]
    assert not read_calls(page)["errors"]


def test_poll_with_terminal_event_id_is_204(make_app: MakeApp) -> None:
    client = make_app().test_client()
    run_id = client.post("/api/jobs/never/run").get_json()["runId"]
    first = client.get(f"/api/jobs/never/runs/{run_id}/stream?poll=1")
    assert "retry: 5000" in first.text
    assert "event: end" in first.text
    last_id = next(line[4:] for line in first.text.splitlines() if line.startswith("id: "))
    again = client.get(f"/api/jobs/never/runs/{run_id}/stream?poll=1&lastEventId={last_id}")
    assert again.status_code == 204
