"""The module ``lakeflow.js`` in Chromium, against the extension on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, render_template_string

import flask_lakeflow_jobs
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from tests.browser.conftest import OpenPage
from tests.browser.module_page import (
    RUN,
    read_calls,
    run,
    start_gated,
    wait_for_end,
    wait_for_outcome,
    watch,
    with_page,
)
from tests.browser.proxy import MakeProxy
from tests.conftest import MakeApp, Serve
from tests.docs.blocks import blocks_in
from tests.support import RunGate, wait_until


@pytest.fixture
def site(make_app: MakeApp, serve: Serve) -> str:
    return serve(with_page(make_app()))


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


def test_page_of_the_guide_starts_and_shows_a_run(
    make_app: MakeApp, serve: Serve, open_page: OpenPage
) -> None:
    guide = Path(flask_lakeflow_jobs.__file__).parents[1] / "docs" / "guides" / "watching.md"
    (template,) = (each.text for each in blocks_in(guide.read_text(), "") if each.file)
    app = make_app(jobs={"etl": {"of": "greeting", "task_type": "job"}})
    app.add_url_rule("/load", "load", lambda: render_template_string(template))
    page = open_page(f"{serve(app)}/load")
    page.fill("[name=startDate]", "2025-02-03")
    page.click("button")
    page.wait_for_selector("[role=status]:has-text('succeeded')")
    assert page.is_enabled("button")


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


def test_run_job_login_page_is_an_error_that_says_so(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    page.route("**/run", lambda route: route.fulfill(content_type="text/html", body="Log in"))
    assert "log in" in run(page, "quick")["message"]


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


def test_run_job_whose_response_breaks_off_starts_no_second_run(
    site: str, open_page: OpenPage, fault_proxy: FaultyWorkspace
) -> None:
    page = open_page(f"{site}/page")
    page.evaluate(
        """
        () => {
          const { text } = Response.prototype;
          let calls = 0;
          Response.prototype.text = async function () {
            if (++calls === 1) throw new TypeError("network error");
            return text.call(this);
          };
        }
        """
    )
    assert run(page, "quick")["replayed"]
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
    with proxy.hold():
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


def test_watch_run_login_page_is_an_error(site: str, open_page: OpenPage) -> None:
    page = open_page(f"{site}/page")
    page.route("**/stream*", lambda route: route.fulfill(content_type="text/html", body="Log in"))
    watch(page, "/api/jobs/quick/runs/1", hide="EventSource")
    page.wait_for_function("calls.errors.length")
    assert "log in" in read_calls(page)["errors"][0][1]


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
