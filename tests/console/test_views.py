"""The pages of jobs and their forms, as a client without scripts sees them."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import pytest
from flask import Flask, Response, abort, redirect, render_template_string
from flask.testing import FlaskClient
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.clocks import FakeClock
from tests.console.conftest import MakeShop
from tests.console.support import JOB_IDS, OWN, run, shop_app, start, text_of
from tests.support import RunGate

# Whether it is there


def test_console_is_off_by_default(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE": False}).test_client()
    assert client.get("/jobs/").status_code == 404


def test_app_may_lead_to_its_login_instead_of_a_page(app: Flask) -> None:
    app.before_request(lambda: abort(redirect("/login")))
    assert app.test_client().get("/jobs/").location == "/login"


def test_app_may_ask_for_a_login_by_http(app: Flask) -> None:
    challenges = [WWWAuthenticate("basic"), WWWAuthenticate("bearer")]
    app.before_request(lambda: abort(401, www_authenticate=challenges))
    for path in ("/jobs/", "/jobs/~cards", "/api/jobs/"):
        response = app.test_client().get(path)
        assert response.status_code == 401
        assert response.headers.getlist("WWW-Authenticate") == ["Basic", "Bearer"]


def test_app_may_choose_the_response_to_its_error(app: Flask) -> None:
    app.before_request(lambda: abort(429, response=Response("Come back later.", 429)))
    for path in ("/jobs/", "/jobs/~cards", "/api/jobs/"):
        response = app.test_client().get(path)
        assert (response.status_code, response.text) == (429, "Come back later.")


def test_pages_are_html_where_responses_are_json_by_default(app: Flask) -> None:
    app.response_class = type("Json", (Response,), {"default_mimetype": "application/json"})
    client, run_id = app.test_client(), run(app, "broken")

    for path in ("/", "/broken", f"/broken/runs/{run_id}", "/nope", "/~cards"):
        assert client.get(f"/jobs{path}").mimetype == "text/html"


def test_console_prefix_is_configurable(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": "/ops/jobs"}).test_client()
    page = client.get("/ops/jobs")
    assert page.status_code == 200
    assert 'href="/ops/jobs/nightly"' in page.text


@pytest.mark.parametrize("prefix", ["jobs", "/", "/jobs/", 7])
def test_console_invalid_prefix_stops_the_app(make_shop: MakeShop, prefix: object) -> None:
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_CONSOLE_PREFIX"):
        make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": prefix})


@pytest.mark.parametrize("url_prefix", ["/jobs", "/jobs/"])
def test_console_at_the_prefix_of_the_http_routes_stops_the_app(
    make_shop: MakeShop, url_prefix: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"^LAKEFLOW_JOBS_CONSOLE_PREFIX and url_prefix"):
        make_shop(url_prefix=url_prefix)


def test_console_requires_the_http_routes(make_shop: MakeShop) -> None:
    with pytest.raises(ConfigurationError, match="register_blueprint"):
        make_shop(register_blueprint=False)


def test_links_keep_the_script_name(client: FlaskClient) -> None:
    page = client.get("/jobs/", base_url="http://localhost/apps/shop/")
    links = re.findall(r'(?:href|src|action)="([^"#]+)"', page.text)
    assert len(links) > 10
    assert all(link.startswith("/apps/shop/jobs/") for link in links)


def test_console_works_behind_a_prefix_stripping_proxy(app: Flask) -> None:
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


def test_addresses_are_whole_if_the_app_adds_a_query_to_all(app: Flask, run_gate: RunGate) -> None:
    """As ``url_defaults`` of an app in several languages may do."""
    app.url_defaults(lambda endpoint, values: values.setdefault("lang", "de"))
    client, ended = app.test_client(), run(app, "broken")
    active = start(app, "gated", run_gate.params)
    pages = [client.get(f"/jobs/broken/runs/{ended}").text, client.get("/jobs/gated").text]
    links = re.findall(r'data-(?:source|runs)="(/[^"#]+)', " ".join(pages))

    assert f'data-lakeflow-run="/api/jobs/broken/runs/{ended}"' in pages[0], "its stream is below"
    assert {client.get(link).status_code for link in links} == {200}
    assert f"/api/jobs/gated/runs/{active}" in links
    assert client.get("/api/jobs/openapi.json").get_json()["servers"] == [{"url": "/api/jobs"}]
    log = client.get(links[0].partition("?")[0]).text
    assert 'lang=de&line=1#L1"' in html.unescape(log)


def test_pages_have_no_inline_script_or_style(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    for url in ("/jobs", "/jobs/broken", "/jobs/nightly/run", f"/jobs/broken/runs/{run_id}"):
        page = client.get(url)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        inline = r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)"
        assert not re.search(inline, page.text), url


# Jobs


def test_jobs_page_shows_last_outcome_of_each_job(app: Flask) -> None:
    run(app, "broken")
    page = text_of(app.test_client().get("/jobs").text)
    assert "Loads orders, joins them" in page
    card = re.search(r"broken Broken boats failed .*?Last success none (?:yet|of these)", page)
    assert card
    assert "Running" not in card[0], "an idle job"


def test_jobs_page_shows_others_when_one_job_fails(make_shop: MakeShop) -> None:
    client = make_shop(jobs={"gone": {"job_id": 12345}}).test_client()
    page = client.get("/jobs")
    assert page.status_code == 200
    assert "12345" in page.text
    assert 'href="/jobs/nightly/run"' in page.text


def test_jobs_page_shows_schedules(client: FlaskClient) -> None:
    page = text_of(client.get("/jobs").text)
    assert "Schedule every hour Europe/Berlin paused" in page
    assert page.count("Schedule") == 1


def test_jobs_page_hides_jobs_user_may_not_view(make_shop: MakeShop) -> None:
    client = make_shop(policy=lambda user, action, job: job == "nightly").test_client()
    page = client.get("/jobs").text
    assert "nightly" in page
    assert "broken" not in page
    refused, unknown = client.get("/jobs/broken"), client.get("/jobs/nothing")
    assert refused.status_code == unknown.status_code == 404
    pages = [re.sub(r'data-now="\d+"', "", each.text) for each in (refused, unknown)]
    assert pages[0] == pages[1].replace("nothing", "broken")


def test_jobs_page_without_jobs_says_why(make_shop: MakeShop) -> None:
    refused = make_shop(policy=lambda user, action, job: False).test_client()
    assert "There is no job here that you may view." in text_of(refused.get("/jobs").text)
    app = Flask("empty")
    app.config["LAKEFLOW_JOBS_CONSOLE"] = True
    LakeflowJobs(app)
    page = text_of(app.test_client().get("/jobs").text)
    assert "This app has no jobs. Set DATABRICKS_JOB_<NAME> to a job's id" in page


def test_pages_offer_viewers_no_actions(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: action == "view")
    client = app.test_client()
    run_id = run(app, "broken")
    pages = client.get("/jobs").text + client.get(f"/jobs/broken/runs/{run_id}").text
    links = re.findall(r'(?:href|action)="([^"]*)"', pages)
    assert links
    assert not [link for link in links if re.search(r"/run(?:$|[?#])", link)]
    assert 'method="post"' not in pages
    assert client.get("/jobs/nightly/run").status_code == 403
    for path in ("nightly/run", f"broken/runs/{run_id}/repair", f"broken/runs/{run_id}/cancel"):
        assert client.post(f"/jobs/{path}", headers=OWN).status_code == 403


def test_pages_of_read_only_app_offer_no_actions(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_READ_ONLY": True}).test_client()
    assert "lf-primary" not in client.get("/jobs").text
    assert client.post("/jobs/nightly/run", headers=OWN).status_code == 403


def test_pages_say_when_workspace_is_down(make_shop: MakeShop) -> None:
    client = make_shop(
        config={"DATABRICKS_HOST": "http://127.0.0.1:9", "LAKEFLOW_JOBS_TIMEOUT": 1}
    ).test_client()
    page = client.get("/jobs")
    assert page.status_code == 200
    assert page.text.count('data-kind="bad"') == page.text.count("<article") > 1
    run_page = client.get("/jobs/nightly/runs/1")
    assert run_page.status_code in (503, 504)
    assert "<h1>" in run_page.text


def test_run_page_shows_the_last_known_state_and_its_age_when_workspace_is_down(
    fault_proxy: FaultyWorkspace, tmp_path: Path
) -> None:
    url = f"/jobs/broken/runs/{run(shop_app(fault_proxy, tmp_path / 'instance'), 'broken')}"
    clock = FakeClock(time.time())
    client = shop_app(fault_proxy, tmp_path / "later", clock=clock).test_client()
    notice = "The workspace cannot be reached. Shown is the state of"
    assert notice not in client.get(url).text
    fault_proxy.fail(Refusal(503))
    clock.sleep(3600)
    assert notice in client.get(url).text


# People


def test_requester_is_recorded_and_shown(make_shop: MakeShop) -> None:
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
    listed = client.get("/jobs/~runs?job=nightly&by=ada@example.com").text
    assert "region=emea" in listed
    assert "asked_by" not in listed


# In the host's own templates


def with_fragment(app: Flask, template: str) -> str:
    app.add_url_rule("/own", "own", lambda: render_template_string(template))
    return app.test_client().get("/own").text


def test_fragments_render_job_and_run_in_host_page(app: Flask) -> None:
    run_id = run(app, "broken")
    template = (
        "{{ lakeflow_head() }}{{ lakeflow_job_card('broken') }}{{ lakeflow_run('broken', %d) }}"
    )
    page = with_fragment(app, template % run_id)
    assert 'src="/jobs/~static/console.js"' in page
    assert 'aria-label="Job broken"' in page
    assert 'data-reloads="/jobs/?bare=1&amp;key=broken"' in page
    assert f'data-lakeflow-run="/api/jobs/broken/runs/{run_id}"' in page


def test_cards_update_without_the_page(client: FlaskClient) -> None:
    assert client.get("/jobs/?bare=1").text.count("<article") == 7
    page = client.get("/jobs/?bare=1&key=broken").text
    assert "Job broken" in page
    assert "Job nightly" not in page


def test_fragment_is_empty_for_user_who_may_not_view(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: False)
    assert (
        with_fragment(app, "[{{ lakeflow_job_card('broken') }}{{ lakeflow_run('broken', 1) }}]")
        == "[]"
    )


def test_fragment_of_missing_run_shows_the_error(app: Flask) -> None:
    assert "no run 99" in with_fragment(app, "{{ lakeflow_run('broken', 99) }}")


@pytest.mark.parametrize("run_id", ["'abc'", "''", "-1", "missing"])
def test_fragment_of_what_is_no_run_id_makes_no_request(
    app: Flask, fault_proxy: FaultyWorkspace, run_id: str
) -> None:
    """A view may pass what its own reader typed."""
    page = with_fragment(app, f"{{{{ lakeflow_run('broken', {run_id}) }}}}")
    assert "A run id is a positive whole number" in page
    assert not fault_proxy.find_requests("GET", "jobs/runs/get")


# Many jobs


def jobs_on(page: str) -> list[str]:
    """Return the keys of the jobs on a front page."""
    return re.findall(r'<article [^>]*aria-label="Job (\w+)"', page)


def test_front_page_shows_jobs_page_by_page(make_shop: MakeShop) -> None:
    """With 1,000 jobs, each load made 2,002 calls."""
    many = {f"many{number}": {"job_id": JOB_IDS["hourly"]} for number in range(200)}
    client = make_shop(jobs=many).test_client()
    url, shown = "/jobs/?view=cards", []
    while url:
        page = client.get(url).text
        shown.append(jobs_on(page))
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = html.unescape(following[1]) if following else ""
    assert [len(keys) for keys in shown] == [100, 100, 7]
    assert len({key for keys in shown for key in keys}) == 207
    assert "Jobs 201 to 207 of 207" in text_of(page)
    assert jobs_on(client.get("/jobs/?view=cards&page=99").text) == shown[-1], "the last page"
    assert client.get("/jobs/?page=x").status_code == 200


def test_cards_of_idle_jobs_are_read_once_for_all_viewers(
    shop: Address, tmp_path: Path, run_gate: RunGate
) -> None:
    clock = FakeClock(time.time() + 3600)
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance", clock=clock)
        client = app.test_client()

        def calls(url: str, after: float = 0.0) -> int:
            clock.sleep(after)
            before = len(fault_proxy.find_requests("GET", "runs/list"))
            assert client.get(url).status_code == 200
            return len(fault_proxy.find_requests("GET", "runs/list")) - before

        assert calls("/jobs/?bare=1&key=listed") == 1
        assert calls("/jobs/?bare=1&key=listed", after=5) == 0
        assert calls("/jobs/?bare=1&key=listed", after=5) == 1
        start(app, "gated", run_gate.params)
        clock.sleep(60)
        assert calls("/jobs/?bare=1&key=gated") == 1
        assert calls("/jobs/?bare=1&key=gated", after=5) == 1  # it has an active run
