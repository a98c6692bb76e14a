"""The pages of jobs and their forms, as a client without scripts sees them."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from tests.console.conftest import MakeShop
from tests.console.shop import OWN, run, shop_app, start, text_of
from tests.support import RunGate


def nonce_in(client: FlaskClient, url: str) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', client.get(url).text)
    assert found
    return found[1]


# ── whether it is there ───────────────────────────────────────────────────────────────────────────


def test_it_is_off_by_default(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE": False}).test_client()
    assert client.get("/jobs/").status_code == 404


def test_its_place_can_be_chosen(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": "/ops/jobs"}).test_client()
    page = client.get("/ops/jobs")
    assert page.status_code == 200
    assert 'href="/ops/jobs/nightly"' in page.text


@pytest.mark.parametrize("prefix", ["jobs", "/", "/jobs/", 7])
def test_a_place_that_is_none_stops_the_app(make_shop: MakeShop, prefix: object) -> None:
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_CONSOLE_PREFIX"):
        make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": prefix})


def test_without_the_routes_it_cannot_be(make_shop: MakeShop) -> None:
    with pytest.raises(ConfigurationError, match="register_blueprint"):
        make_shop(register_blueprint=False)


def test_behind_a_prefix_every_link_keeps_it(client: FlaskClient) -> None:
    page = client.get("/jobs/", base_url="http://localhost/apps/shop/")
    links = re.findall(r'(?:href|src|action)="([^"#]+)"', page.text)
    assert len(links) > 10
    assert all(link.startswith("/apps/shop/jobs/") for link in links)


def test_behind_a_proxy_that_takes_the_prefix_away_it_works(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    client = app.test_client()
    headers = {
        "Origin": "https://shop.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Prefix": "/apps/shop",
    }
    page = client.get("/jobs/broken/run", headers=headers).text
    assert 'action="/apps/shop/jobs/broken/run"' in page
    sent = client.post("/jobs/broken/run", headers=headers)
    assert re.fullmatch(r"/apps/shop/jobs/broken/runs/\d+", sent.headers["Location"])


def test_no_script_or_style_is_in_the_pages(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    for url in ("/jobs", "/jobs/broken", "/jobs/nightly/run", f"/jobs/broken/runs/{run_id}"):
        page = client.get(url)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        inline = r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)"
        assert not re.search(inline, page.text), url


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────


def test_each_job_is_there_with_its_last_outcome(app: Flask) -> None:
    run(app, "broken")
    page = text_of(app.test_client().get("/jobs").text)
    assert "Loads orders, joins them" in page
    assert re.search(r"broken failed .*Last success none yet Busy slots 0 of 1", page)


def test_that_all_slots_are_busy_is_said(make_shop: MakeShop, run_gate: RunGate) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    client = app.test_client()
    assert "slot is busy" not in client.get("/jobs/alone/run").text
    start(app, "alone", run_gate.params)
    assert "The only slot is busy" in client.get("/jobs/alone/run").text


def test_a_job_that_cannot_be_read_holds_up_no_other(make_shop: MakeShop) -> None:
    client = make_shop(jobs={"gone": {"job_id": 12345}}).test_client()
    page = client.get("/jobs")
    assert page.status_code == 200
    assert "12345" in page.text
    assert 'href="/jobs/nightly/run"' in page.text


def test_what_starts_a_job_of_itself_is_told(client: FlaskClient) -> None:
    page = text_of(client.get("/jobs").text)
    assert "Schedule 0 0 * * * ? (Europe/Berlin) paused" in page
    assert page.count("Schedule") == 1


def test_who_may_not_see_a_job_does_not_see_it(make_shop: MakeShop) -> None:
    client = make_shop(policy=lambda user, action, job: job == "nightly").test_client()
    page = client.get("/jobs").text
    assert "nightly" in page
    assert "broken" not in page
    refused = client.get("/jobs/broken")
    assert refused.status_code == 403
    assert "does not let you view" in refused.text


def test_where_no_job_is_shown_it_is_said_why(make_shop: MakeShop) -> None:
    refused = make_shop(policy=lambda user, action, job: False).test_client()
    assert "There is no job here that you may see." in text_of(refused.get("/jobs").text)
    app = Flask("empty")
    app.config["LAKEFLOW_JOBS_CONSOLE"] = True
    LakeflowJobs(app)
    page = text_of(app.test_client().get("/jobs").text)
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME> to a job's id" in page


def test_who_may_only_look_is_offered_nothing_else(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: action == "view")
    client = app.test_client()
    run_id = run(app, "broken")
    pages = client.get("/jobs").text + client.get(f"/jobs/broken/runs/{run_id}").text
    assert "/run" not in pages.replace("/runs/", "")
    assert "<form" not in pages
    assert client.get("/jobs/nightly/run").status_code == 403
    for path in ("nightly/run", f"broken/runs/{run_id}/repair", f"broken/runs/{run_id}/cancel"):
        assert client.post(f"/jobs/{path}", headers=OWN).status_code == 403


def test_a_read_only_app_offers_nothing_either(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_READ_ONLY": True}).test_client()
    assert "lf-primary" not in client.get("/jobs").text
    assert client.post("/jobs/nightly/run", headers=OWN).status_code == 403


def test_the_workspace_being_away_is_said(make_shop: MakeShop) -> None:
    client = make_shop(
        config={"DATABRICKS_HOST": "http://127.0.0.1:9", "LAKEFLOW_JOBS_TIMEOUT": 1}
    ).test_client()
    page = client.get("/jobs")
    assert page.status_code == 200
    assert page.text.count('data-kind="bad"') == page.text.count("<article") > 1
    run_page = client.get("/jobs/nightly/runs/1")
    assert run_page.status_code in (503, 504)
    assert "<h1>" in run_page.text


# ── starting ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_started_from_the_form(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    sent = client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/"}, headers=OWN)
    assert sent.status_code == 303
    assert re.fullmatch(r"/jobs/gated/runs/\d+", sent.headers["Location"])
    assert "/" in client.get(sent.headers["Location"]).text


def test_a_form_that_is_sent_twice_is_one_run(app: Flask) -> None:
    client = app.test_client()
    data = {"nonce": nonce_in(client, "/jobs/broken/run")}
    first = client.post("/jobs/broken/run", data=data, headers=OWN)
    again = client.post("/jobs/broken/run", data=data, headers=OWN)
    assert again.headers["Location"] == first.headers["Location"] + "?replayed=1"
    page = client.get(again.headers["Location"]).text
    assert page.index("<h1") < page.index("had started this run already")


def test_a_form_that_is_sent_again_with_other_values_asks_first(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/"}, headers=OWN)
    other = client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/tmp"}, headers=OWN)
    assert other.status_code == 409
    assert "has started a run already" in other.text
    assert 'value="/tmp"' in other.text
    assert nonce not in other.text


def test_a_mistake_is_said_at_its_field_and_costs_nothing_that_was_typed(
    client: FlaskClient,
) -> None:
    data = {"day": "someday", "region": "apac", "sample": "700", "full": "true"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN)
    assert page.status_code == 400
    assert "Not a valid date." in page.text
    assert page.text.count('aria-invalid="true"') == 2
    assert 'value="someday"' in page.text
    assert "<option selected>apac" in page.text
    assert re.search(r'name="full"[^>]*checked', page.text)


def test_what_is_no_json_hides_no_other_mistake(client: FlaskClient) -> None:
    data = {"day": "someday", "tags": "{"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN).text
    assert "Not a valid date." in page
    assert "This is not valid JSON" in page


def test_a_refused_form_begins_with_what_is_wrong(client: FlaskClient) -> None:
    assert "autofocus" not in client.get("/jobs/nightly/run").text
    page = client.post("/jobs/nightly/run", data={"day": "", "sample": "700"}, headers=OWN).text
    assert "<title>Error: Run nightly</title>" in page
    assert "Nothing was started" in page
    assert page.count("autofocus") == 1
    assert re.search(r'name="day"[^>]* autofocus', page)


def test_a_secret_that_was_typed_has_to_be_typed_again(client: FlaskClient) -> None:
    assert "Type it again" not in client.get("/jobs/nightly/run").text
    data = {"day": "someday", "apiToken": "dapi-s3cret"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN).text
    assert "Type it again" in page
    assert "s3cret" not in page


def test_a_flag_that_nobody_touches_is_left_to_the_job(app: Flask) -> None:
    client = app.test_client()
    assert '<select id="lf-field-5" name="dry">' in client.get("/jobs/nightly/run").text
    assert '<option value="">Not given</option>' in client.get("/jobs/nightly/run").text
    data = {"day": "2026-11-20", "region": "emea", "dry": ""}
    sent = client.post("/jobs/nightly/run", data=data, headers=OWN)
    assert "dry" not in text_of(client.get(sent.headers["Location"]).text)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_workspace_that_does_not_answer_costs_neither_what_was_typed_nor_a_second_run(
    shop: Address, tmp_path: Path, accepted: bool
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        config = {"LAKEFLOW_JOBS_TIMEOUT": 2}
        client = shop_app(fault_proxy, tmp_path / "instance", config=config).test_client()
        nonce = nonce_in(client, "/jobs/nightly/run")
        before = client.get("/jobs/nightly").text.count('scope="row"')
        data = {"nonce": nonce, "day": "2026-11-20", "region": "apac"}
        fault_proxy.fail(Drop(accepted=accepted), method="POST")
        failed = client.post("/jobs/nightly/run", data=data, headers=OWN)
        assert failed.status_code in (502, 503, 504)
        assert 'value="2026-11-20"' in failed.text
        assert f'value="{nonce}"' in failed.text
        assert "<title>Error: Run nightly</title>" in failed.text
        assert "no second one starts" in failed.text
        fault_proxy.clear_faults()
        sent = client.post("/jobs/nightly/run", data=data, headers=OWN)
        assert sent.status_code == 303
        client.get(sent.headers["Location"])
        after = client.get("/jobs/nightly").text.count('scope="row"')
        assert after == before + 1


def test_without_the_workspace_the_form_is_made_of_what_was_known(
    shop: Address, tmp_path: Path
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        config = {"LAKEFLOW_JOBS_TIMEOUT": 2}
        client = shop_app(fault_proxy, tmp_path / "instance", config=config).test_client()
        data = {"nonce": nonce_in(client, "/jobs/gated/run"), "gate": "/tmp"}
        fault_proxy.fail(Refusal(503))
        failed = client.post("/jobs/gated/run", data=data, headers=OWN)
        assert failed.status_code == 503
        assert 'value="/tmp"' in failed.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_on_another_page_starts_nothing(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    refused = client.post("/jobs/broken/run", headers=headers)
    assert refused.status_code == 403
    assert "app's own pages" in html.unescape(refused.text)


def test_a_run_can_be_run_again_without_its_secrets(app: Flask) -> None:
    client = app.test_client()
    params = {"day": "2026-11-20", "region": "amer", "apiToken": "dapi-s3cret"}
    run_id = start(app, "nightly", params)
    page = client.get(f"/jobs/nightly/run?again={run_id}").text
    assert 'value="2026-11-20"' in page
    assert "<option selected>amer" in page
    assert "s3cret" not in page
    assert "s3cret" not in client.get(f"/jobs/nightly/runs/{run_id}").text


@pytest.mark.parametrize(("given", "chosen"), [({}, []), ({"dry": False}, ["false"])])
def test_a_flag_is_said_again_only_where_it_was_said(
    app: Flask, given: dict[str, bool], chosen: list[str]
) -> None:
    run_id = start(app, "nightly", {"day": "2026-11-20", **given})
    page = app.test_client().get(f"/jobs/nightly/run?again={run_id}").text
    select = page[page.index('name="dry"') :]
    assert re.findall(r"<option selected>(\w+)", select[: select.index("</select>")]) == chosen


def test_arguments_of_a_script_can_be_given_again(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "listed", {"args": ["--day", "2026-11-20"]})
    page = client.get(f"/jobs/listed/run?again={run_id}").text
    assert ">--day\n2026-11-20</textarea>" in page


def test_a_secret_among_arguments_has_to_be_given_anew(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "listed", {"args": ["--token", "dapi-s3cret", "x"]})
    page = client.get(f"/jobs/listed/run?again={run_id}").text
    assert ">--token\n***\nx</textarea>" in page
    data = {"args": "--token\n***\nx"}
    refused = client.post("/jobs/listed/run", data=data, headers=OWN)
    assert refused.status_code == 400
    assert "Write the secret" in refused.text


def test_a_host_that_protects_its_forms_gets_its_token(app: Flask) -> None:
    app.jinja_env.globals["csrf_token"] = lambda: "the-hosts-token"
    page = app.test_client().get("/jobs/nightly/run").text
    assert 'name="csrf_token" value="the-hosts-token"' in page


def test_who_asked_is_noted_and_shown(make_shop: MakeShop) -> None:
    app = make_shop(
        user_loader=lambda: "ada@example.com",
        config={"LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER": "asked_by"},
    )
    client = app.test_client()
    assert "asked_by" not in client.get("/jobs/nightly/run").text
    data = {"day": "2026-11-20", "region": "emea"}
    sent = client.post("/jobs/nightly/run", data=data, headers=OWN)
    page = client.get(sent.headers["Location"]).text
    assert 'class="lf-who">ada@example.com<' in page


# ── in the host's own templates ───────────────────────────────────────────────────────────────────


def with_fragment(app: Flask, template: str) -> str:
    app.add_url_rule("/own", "own", lambda: render_template_string(template))
    return app.test_client().get("/own").text


def test_a_host_can_show_a_job_and_a_run(app: Flask) -> None:
    run_id = run(app, "broken")
    template = (
        "{{ lakeflow_head() }}{{ lakeflow_job_card('broken') }}{{ lakeflow_run('broken', %d) }}"
    )
    page = with_fragment(app, template % run_id)
    assert 'src="/jobs/~static/console.js"' in page
    assert 'aria-label="Job broken"' in page
    assert 'data-reloads="/jobs/?bare=1&amp;key=broken"' in page
    assert f'data-lakeflow-run="/api/jobs/broken/runs/{run_id}"' in page


def test_a_card_is_brought_up_to_date_alone(client: FlaskClient) -> None:
    page = client.get("/jobs/?bare=1&key=broken").text
    assert "Job broken" in page
    assert "Job nightly" not in page


def test_to_who_may_not_see_a_job_a_fragment_shows_nothing(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: False)
    assert (
        with_fragment(app, "[{{ lakeflow_job_card('broken') }}{{ lakeflow_run('broken', 1) }}]")
        == "[]"
    )


def test_a_fragment_of_a_run_that_is_not_there_says_so(app: Flask) -> None:
    assert "no run 99" in with_fragment(app, "{{ lakeflow_run('broken', 99) }}")
