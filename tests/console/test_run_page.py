"""The pages of runs and of what ran, as a client without scripts sees them."""

from __future__ import annotations

import dataclasses
import gzip
import html
import json
import logging
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import InvalidRequest, LakeflowJobs, current_jobs
from flask_lakeflow_jobs.console import fragments, rendering
from flask_lakeflow_jobs.local import Address, stop_workspace
from flask_lakeflow_jobs.testing import Exchange, Fault, FaultyWorkspace
from tests.console.conftest import MakeShop
from tests.console.support import BUNDLE, OWN, run, shop_app, start, text_of
from tests.support import RunGate, wait_until

# A run


def seen_in(life_cycle: str) -> Fault:
    """Makes the workspace say of a run that it is in that state."""

    def say(exchange: Exchange) -> None:
        reply = exchange.forward()
        run = {**json.loads(reply.body), "state": {"life_cycle_state": life_cycle}, "status": None}
        exchange.respond(dataclasses.replace(reply, body=json.dumps(run).encode()))

    return say


@pytest.mark.parametrize(
    ("life_cycle", "word", "has_cancel"),
    [
        ("RUNNING", "Runs for", True),
        ("QUEUED", "Waits for", True),
        ("TERMINATING", "Runs for", False),
    ],
)
def test_run_page_active_run_can_be_canceled_once(
    shop: Address, tmp_path: Path, run_gate: RunGate, life_cycle: str, word: str, has_cancel: bool
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance")
        run_id = start(app, "gated", run_gate.params)
        fault_proxy.fail(seen_in(life_cycle), path="runs/get")
        page = app.test_client().get(f"/jobs/gated/runs/{run_id}").text
    assert f"<dt>{word}</dt>" in page
    assert ("/cancel" in page) is has_cancel
    assert "/repair" not in page
    assert "What went wrong" not in page


def test_live_update_has_the_csrf_token_in_a_header_only(app: Flask, run_gate: RunGate) -> None:
    app.jinja_env.globals["csrf_token"] = lambda: 'secret"'
    run_id = start(app, "gated", run_gate.params)
    client, url = app.test_client(), f"/jobs/gated/runs/{run_id}"
    field = 'name="csrf_token" value="{}"'
    for path in (url, f"{url}/live"):  # for browsers without the script
        assert field.format("secret&#34;") in client.get(path).text
    headers = {"Lakeflow-Version": "none", "Accept-Encoding": "gzip"}
    response = client.get(f"{url}/live", headers=headers)
    assert response.headers["Lakeflow-Csrf-Token"] == 'secret"'
    whole = json.loads(gzip.decompress(response.data))
    assert field.format("") in whole["whole"]
    assert "secret" not in whole["whole"]
    # a fresh token alone is no difference
    app.jinja_env.globals["csrf_token"] = lambda: "another"
    response = client.get(f"{url}/live", headers={"Lakeflow-Version": whole["version"]})
    assert response.headers["Lakeflow-Csrf-Token"] == "another"
    assert "head" not in response.get_json()["parts"]


def cut_characters(exchange: Exchange) -> None:
    """Put half of a character, as JSON can express it, in place of each ``½``."""
    reply = exchange.forward()
    exchange.respond(dataclasses.replace(reply, body=reply.body.replace(b"\\u00bd", b"\\ud800")))


def test_pages_of_run_with_half_of_a_character_replace_it(
    shop: Address, tmp_path: Path, run_gate: RunGate
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance")
        run_id = start(app, "gated", {**run_gate.params, "note": "a½b"})
        fault_proxy.fail(cut_characters)
        client = app.test_client()
        for path in (f"/runs/{run_id}", f"/runs/{run_id}/live"):
            page = client.get(f"/jobs/gated{path}")
            assert page.status_code == 200
            assert "a\ufffdb" in page.text
        for path in (f"/jobs/gated/run?again={run_id}", "/jobs/gated", "/jobs"):
            assert client.get(path).status_code == 200
        with app.test_request_context():
            assert "a\ufffdb" in fragments.lakeflow_run("gated", run_id)


def test_template_with_half_of_a_character_is_rendered(app: Flask) -> None:
    """Other texts may have them too, such as those of the host app."""
    with app.test_request_context():
        error = InvalidRequest("a\ud800b")
        assert "a?b" in rendering.render("_problem.html", error=error)


def test_run_page_on_local_workspace_has_no_workspace_links(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path / "instance"))
    app.config.update(LAKEFLOW_JOBS_BUNDLE=str(BUNDLE), LAKEFLOW_JOBS_CONSOLE=True)
    LakeflowJobs(app)
    try:
        run_id = start(app, "hourly")
        page = app.test_client().get(f"/jobs/hourly/runs/{run_id}").text
    finally:
        stop_workspace(tmp_path / "instance" / "lakeflow")
    assert f'<dd class="lf-number">{run_id}</dd>' in page
    assert "In Databricks" not in page


def test_run_page_links_to_databricks_only(
    shop: Address, tmp_path: Path, run_gate: RunGate
) -> None:
    """A local workspace that the app reaches by its address is none."""
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance")
        url = f"/jobs/gated/runs/{start(app, 'gated', run_gate.params)}"
        assert "In Databricks" not in app.test_client().get(url).text

        def move(exchange: Exchange) -> None:
            reply = exchange.forward()
            body = {
                **json.loads(reply.body),
                "run_page_url": "https://dbc.example/?o=1#job/7/run/9",
            }
            exchange.respond(dataclasses.replace(reply, body=json.dumps(body).encode()))

        fault_proxy.fail(move, path="runs/get")
        app = shop_app(fault_proxy, tmp_path / "another")
        page = app.test_client().get(url).text
    assert 'href="https://dbc.example/jobs/7/runs/9?o=1" rel="noreferrer">In Databricks' in page


def test_run_page_explains_a_failure(app: Flask) -> None:
    run_id = run(app, "broken")
    page = text_of(app.test_client().get(f"/jobs/broken/runs/{run_id}").text)
    assert "What went wrong RUN_EXECUTION_ERROR only ValueError: the boat is leaking" in page
    assert "Traceback" in page


def test_run_page_cleans_and_cuts_the_error_of_a_task(shop: Address, tmp_path: Path) -> None:
    """Notebooks have colors in their traces."""

    def color(exchange: Exchange) -> None:
        reply = exchange.forward()
        error = f"\x1b[31mE\x1b[0m: \x1b]8;;http://x\x07<b>\x00\u202e{'y' * 100_000}"
        output = {**json.loads(reply.body), "error": error, "error_trace": error}
        exchange.respond(dataclasses.replace(reply, body=json.dumps(output).encode()))

    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance")
        run_id = run(app, "broken")
        fault_proxy.fail(color, path="runs/get-output")
        page = app.test_client().get(f"/jobs/broken/runs/{run_id}").text
    assert page.count('<span class="lf-t-red">E</span>: &lt;b&gt;yyy') == 2
    assert not re.search("[\x00\x07\x1b\u202e]|y{50000}", page)


def test_run_page_failed_tasks_are_not_green_though_the_run_succeeded(make_shop: MakeShop) -> None:
    app = make_shop(jobs={"partial": {}})
    page = app.test_client().get(f"/jobs/partial/runs/{run(app, 'partial')}").text
    assert "succeeded with failures" in page
    assert 'class="lf-card lf-failure" data-kind="bad"' in page


def test_run_page_works_without_scripts(app: Flask, run_gate: RunGate) -> None:
    client = app.test_client()
    run_id = start(app, "gated", run_gate.params)
    url = f"/jobs/gated/runs/{run_id}"
    page = wait_until(
        lambda: found if "before: succeeded" in (found := client.get(url).text) else "",
        "the first task's end",
    )
    assert 'title="wait: ' in page
    assert "Reload" in page
    assert f'action="{url}/cancel"' in page
    assert "1 of 3 ended" in page
    found = client.get(f"{url}?find=WAI").text
    assert re.findall(r'data-part="row-(\w+)-1"', found) == ["wait"]
    run_gate.open()


def test_run_page_cancels_a_run(app: Flask, run_gate: RunGate) -> None:
    client = app.test_client()
    run_id = start(app, "gated", run_gate.params)
    answer = client.post(f"/jobs/gated/runs/{run_id}/cancel", headers=OWN)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/gated/runs/{run_id}")
    wait_until(lambda: "canceled" in client.get(f"/jobs/gated/runs/{run_id}").text, "the run's end")


def test_error_page_links_to_run_and_job(app: Flask) -> None:
    url = f"/jobs/hourly/runs/{run(app, 'hourly')}"
    failed = app.test_client().post(f"{url}/repair", headers=OWN)
    assert failed.status_code == 409
    links = re.findall(r'href="(/jobs/hourly\S*)"', failed.text)
    assert links == ["/jobs/hourly", url, url, "/jobs/hourly"]


def test_run_page_says_once_who_canceled_it_and_when(
    make_shop: MakeShop, run_gate: RunGate
) -> None:
    app = make_shop(user_loader=lambda: "ada@example.com")
    run_id = start(app, "gated", run_gate.params)
    client = app.test_client()
    client.post(f"/jobs/gated/runs/{run_id}/cancel", headers=OWN)
    with app.app_context():
        current_jobs["gated"].wait(run_id)
    text = text_of(client.get(f"/jobs/gated/runs/{run_id}").text)
    assert re.search(r"Canceled by ada@example.com , \d{4}-\d\d-\d\d [\d:]{8} UTC \.", text)
    assert "cancelled" not in text.lower()


def test_get_of_cancel_redirects_to_the_run(client: FlaskClient) -> None:
    asked = client.get("/jobs/hourly/runs/7/cancel")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/jobs/hourly/runs/7")


def test_error_page_of_missing_run_has_no_run_link(client: FlaskClient) -> None:
    page = client.get("/jobs/hourly/runs/99").text
    assert 'href="/jobs/hourly"' in page
    assert 'href="/jobs/hourly/runs/99"' not in page


def test_error_page_hides_job_that_user_may_not_view(make_shop: MakeShop) -> None:
    client = make_shop(policy=lambda user, action, job: job != "hourly").test_client()
    assert 'href="/jobs/hourly"' not in client.get("/jobs/hourly/runs/99").text


def test_run_page_repairs_a_failed_run(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "flaky")
    url = f"/jobs/flaky/runs/{run_id}"
    assert "no orders for 2026-11-23" in client.get(url).text
    assert client.post(f"{url}/repair", headers=OWN).status_code == 303
    page = wait_until(
        lambda: text if "succeeded: flaky" in (text := client.get(url).text) else "", "the repair"
    )
    assert "/repair" not in page


def test_run_page_lists_repairs(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "flaky")
    url = f"/jobs/flaky/runs/{run_id}"
    assert "First run" not in client.get(url).text
    with app.app_context():
        current_jobs["flaky"].repair_run(run_id, requested_by="ann")
        current_jobs["flaky"].wait(run_id)
    page = text_of(client.get(url).text)
    assert re.search(r"Repairs First run failed .* Repair 1 succeeded .* by ann", page)
    assert "Tasks 3 of 3 ended" in page


def test_run_page_of_active_repair_counts_work_only(app: Flask, run_gate: RunGate) -> None:
    run_id = start(app, "gated", run_gate.params)
    with app.app_context():
        gated = current_jobs["gated"]
        gated.cancel_run(run_id)
        started = gated.wait(run_id).run.start_time
        gated.repair_run(run_id)
    page = app.test_client().get(f"/jobs/gated/runs/{run_id}").text
    run_gate.open()
    counts_from = re.search(r'Runs for</dt><dd><span[^>]* data-ticks="(\d+)"', page)
    assert counts_from
    assert int(counts_from[1]) > (started or 0)


def test_run_page_repair_that_ended_is_not_active(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repairs that were read while one was active serve no page of the run's end."""
    monkeypatch.setattr("flask_lakeflow_jobs.upstream.read_cache.ACTIVE_TTL_SECONDS", 3600.0)
    monkeypatch.setattr("flask_lakeflow_jobs.upstream.read_cache.AFTER_WRITE_TTL_SECONDS", 3600.0)
    client = app.test_client()
    run_id = run(app, "flaky")
    url = f"/jobs/flaky/runs/{run_id}"
    with app.app_context():
        current_jobs["flaky"].repair_run(run_id)
        assert "Repair 1" in client.get(url).text
        current_jobs["flaky"].wait(run_id)  # the poll that finds the end updates the cache
    page = text_of(client.get(url).text)
    assert re.search(r"Repair 1 succeeded ", page)


def test_task_page_links_to_run_of_started_job(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "parent")
    page = client.get(f"/jobs/parent/runs/{run_id}").text
    tasks = re.findall(r'href="(/jobs/parent/runs/\d+/tasks/\d+)"', page)
    ours, others = (client.get(url + "?bare=1").text for url in sorted(set(tasks), key=page.index))
    link = re.search(r'href="(/jobs/hourly/runs/\d+)"', ours)
    assert link
    assert client.get(link[1]).status_code == 200
    assert re.search(r"It has started run \d+\.<", others), "the local workspace has no pages"


def test_task_page_run_of_hidden_job_links_to_workspace(
    make_shop: MakeShop,
) -> None:
    app = make_shop(policy=lambda user, action, job: job == "parent")
    run_id = run(app, "parent")
    client = app.test_client()
    page = client.get(f"/jobs/parent/runs/{run_id}").text
    for url in set(re.findall(r'href="(/jobs/parent/runs/\d+/tasks/\d+)"', page)):
        assert "/jobs/hourly" not in client.get(url).text


def test_run_page_attempts_have_distinct_anchors(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    with app.app_context():
        current_jobs["broken"].repair_run(run_id)
        current_jobs["broken"].wait(run_id)
    page = client.get(f"/jobs/broken/runs/{run_id}").text
    names: list[str] = []
    for url in sorted(set(re.findall(r'data-source="([^"]+)"', page))):
        names += re.findall(r'aria-label="([^"]+)"', client.get(html.unescape(url)).text)
    assert len(names) == len(set(names)) > 1


def test_task_page_shows_its_output(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    page = client.get(f"/jobs/broken/runs/{run_id}").text
    link = re.search(r'href="(/jobs/broken/runs/\d+/tasks/\d+)"', page)
    assert link
    task = client.get(link[1])
    assert "<h1" in task.text
    assert "Traceback" in task.text
    bare = client.get(link[1] + "?bare=1")
    assert "<h1" not in bare.text
    assert "Traceback" in bare.text
    assert client.get(f"/jobs/broken/runs/{run_id}/tasks/99").status_code == 404


def test_task_page_of_a_task_that_never_ran_says_so(app: Flask) -> None:
    run_id = run(app, "flaky")
    with app.app_context():
        sdk_run = current_jobs["flaky"].get_run(run_id)
    report = next(task for task in sdk_run.tasks or [] if task.task_key == "report")
    page = app.test_client().get(f"/jobs/flaky/runs/{run_id}/tasks/{report.run_id}").text
    assert "The task did not run." in page
    crumbs = text_of(page.partition("<main")[0])
    assert str(run_id) not in crumbs  # the start of the run names it


def test_run_page_of_another_jobs_run_is_404(app: Flask) -> None:
    run_id = run(app, "broken")
    page = app.test_client().get(f"/jobs/flaky/runs/{run_id}")
    assert page.status_code == 404
    assert "no run" in page.text


@pytest.mark.parametrize(
    "path", ["nope", "nightly/runs/x", "nightly/runs/99/tasks/y", "~static/no.js"]
)
def test_unknown_page_is_a_404_page(client: FlaskClient, path: str) -> None:
    page = client.get(f"/jobs/{path}")
    assert page.status_code in (400, 404)
    assert "All jobs" in page.text


def test_error_pages_of_the_host_are_unchanged(client: FlaskClient) -> None:
    assert "All jobs" not in client.get("/nowhere").text


def test_names_with_markup_are_escaped(make_shop: MakeShop) -> None:
    app = make_shop(jobs={"broken": {"description": "<b>bold</b>"}})
    assert "<b>bold" not in app.test_client().get("/jobs").text


def test_failing_user_loader_is_a_403_page(
    make_shop: MakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError("The user database is away.")

    app = make_shop(user_loader=fail, policy=lambda user, action, job: True)
    with caplog.at_level(logging.CRITICAL):
        assert app.test_client().get("/jobs/nightly").status_code == 403


# History
