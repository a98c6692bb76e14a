"""The pages of jobs and their forms, as a client without scripts sees them."""

from __future__ import annotations

import html
import io
import re
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string, request
from flask.testing import FlaskClient
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.local import Address, load_bundle
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from flask_lakeflow_jobs.web.requests import FORM_TYPE, MAX_BODY_BYTES
from tests.clocks import FakeClock
from tests.console.conftest import MakeShop
from tests.console.support import BUNDLE, OWN, run, shop_app, start, text_of
from tests.support import RunGate

MULTIPART = "multipart/form-data; boundary=x"


def nonce_in(client: FlaskClient, url: str) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', client.get(url).text)
    assert found
    return found[1]


# Whether it is there


def test_console_is_off_by_default(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE": False}).test_client()
    assert client.get("/jobs/").status_code == 404


def test_console_prefix_is_configurable(make_shop: MakeShop) -> None:
    client = make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": "/ops/jobs"}).test_client()
    page = client.get("/ops/jobs")
    assert page.status_code == 200
    assert 'href="/ops/jobs/nightly"' in page.text


@pytest.mark.parametrize("prefix", ["jobs", "/", "/jobs/", 7])
def test_console_invalid_prefix_stops_the_app(make_shop: MakeShop, prefix: object) -> None:
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_CONSOLE_PREFIX"):
        make_shop(config={"LAKEFLOW_JOBS_CONSOLE_PREFIX": prefix})


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
    assert re.search(r"broken Broken boats failed .*Last success none (?:yet|of these)", page)
    assert "Running" not in page, "an idle job"


def test_form_says_when_concurrency_limit_is_reached(
    make_shop: MakeShop, run_gate: RunGate
) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    client = app.test_client()
    assert "A run is active" not in client.get("/jobs/alone/run").text
    start(app, "alone", run_gate.params)
    assert "A run is active" in client.get("/jobs/alone/run").text


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
    assert refused.text == unknown.text.replace("nothing", "broken")


def test_form_of_user_who_may_run_but_not_view_shows_nothing_of_runs(
    make_shop: MakeShop, run_gate: RunGate
) -> None:
    """The values that other users gave are no more theirs than the runs are."""
    app = make_shop(
        jobs={"alone": {"task_type": "job"}}, policy=lambda user, action, job: action == "run"
    )
    client = app.test_client()
    other = start(app, "alone", {**run_gate.params, "note": "of-another-user"})
    refused = client.get(f"/jobs/alone/run?again={other}")
    assert refused.status_code == 403
    assert "of-another-user" not in refused.text
    form = client.get("/jobs/alone/run")
    assert form.status_code == 200
    assert "A run is active" not in form.text

    sent = client.post("/jobs/alone/run", headers=OWN)
    assert sent.status_code == 303
    assert "has started." in client.get(sent.location).text
    assert client.get("/jobs/alone").status_code == 404


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
    assert "/run" not in pages.replace("/runs/", "")
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


# Starting


def test_form_starts_a_run(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    sent = client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/"}, headers=OWN)
    assert sent.status_code == 303
    assert re.fullmatch(r"/jobs/gated/runs/\d+", sent.headers["Location"])
    assert "/" in client.get(sent.headers["Location"]).text


def test_form_sent_twice_starts_one_run(app: Flask) -> None:
    client = app.test_client()
    data = {"nonce": nonce_in(client, "/jobs/broken/run")}
    first = client.post("/jobs/broken/run", data=data, headers=OWN)
    again = client.post("/jobs/broken/run", data=data, headers=OWN)
    assert again.headers["Location"] == first.headers["Location"] + "?replayed=1"
    page = client.get(again.headers["Location"]).text
    assert page.index("<h1") < page.index("has already started this run")


def test_form_sent_again_with_other_values_asks_first(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/"}, headers=OWN)
    other = client.post("/jobs/gated/run", data={"nonce": nonce, "gate": "/tmp"}, headers=OWN)
    assert other.status_code == 409
    assert "has started a run already" in other.text
    assert 'value="/tmp"' in other.text
    assert nonce not in other.text


def test_form_error_is_at_its_field_and_keeps_values(
    client: FlaskClient,
) -> None:
    data = {"day": "someday", "region": "apac", "sample": "700", "full": "true"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN)
    assert page.status_code == 400
    assert "Enter a date, such as 2026-11-23." in page.text
    assert page.text.count('aria-invalid="true"') == 2
    assert 'value="someday"' in page.text
    assert "<option selected>apac" in page.text
    assert re.search(r'name="full"[^>]*checked', page.text)


def test_form_invalid_json_hides_no_other_error(client: FlaskClient) -> None:
    data = {"day": "someday", "tags": "{"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN).text
    assert "Enter a date, such as 2026-11-23." in page
    assert "This is not valid JSON" in page


def test_refused_form_focuses_first_invalid_field(client: FlaskClient) -> None:
    assert "autofocus" not in client.get("/jobs/nightly/run").text
    page = client.post("/jobs/nightly/run", data={"day": "", "sample": "700"}, headers=OWN).text
    assert "<title>Error: Run nightly</title>" in page
    assert "Nothing was started" in page
    assert page.count("autofocus") == 1
    assert re.search(r'name="day"[^>]* autofocus', page)


def test_refused_form_drops_typed_secrets(client: FlaskClient) -> None:
    assert "Enter it again" not in client.get("/jobs/nightly/run").text
    data = {"day": "someday", "apiToken": "dapi-s3cret"}
    page = client.post("/jobs/nightly/run", data=data, headers=OWN).text
    assert "Enter it again" in page
    assert "s3cret" not in page


def test_form_untouched_flag_is_not_sent(app: Flask) -> None:
    client = app.test_client()
    assert '<select id="lf-field-5" name="dry">' in client.get("/jobs/nightly/run").text
    assert '<option value="">Not given</option>' in client.get("/jobs/nightly/run").text
    data = {"day": "2026-11-20", "region": "emea", "dry": ""}
    sent = client.post("/jobs/nightly/run", data=data, headers=OWN)
    assert "dry" not in text_of(client.get(sent.headers["Location"]).text)


@pytest.mark.parametrize("accepted", [True, False])
def test_form_workspace_failure_keeps_values_and_one_run(
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


def test_form_without_workspace_uses_cached_definition(shop: Address, tmp_path: Path) -> None:
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
def test_form_from_another_origin_is_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    refused = client.post("/jobs/broken/run", headers=headers)
    assert refused.status_code == 403
    assert "app's own pages" in html.unescape(refused.text)


def test_rerun_form_has_values_without_secrets(app: Flask) -> None:
    client = app.test_client()
    params = {"day": "2026-11-20", "region": "amer", "apiToken": "dapi-s3cret"}
    run_id = start(app, "nightly", params)
    page = client.get(f"/jobs/nightly/run?again={run_id}").text
    assert 'value="2026-11-20"' in page
    assert "<option selected>amer" in page
    assert "s3cret" not in page
    assert "s3cret" not in client.get(f"/jobs/nightly/runs/{run_id}").text


@pytest.mark.parametrize(("given", "chosen"), [({}, []), ({"dry": False}, ["false"])])
def test_rerun_form_sets_flag_only_if_run_had_it(
    app: Flask, given: dict[str, bool], chosen: list[str]
) -> None:
    run_id = start(app, "nightly", {"day": "2026-11-20", **given})
    page = app.test_client().get(f"/jobs/nightly/run?again={run_id}").text
    select = page[page.index('name="dry"') :]
    assert re.findall(r"<option selected>(\w+)", select[: select.index("</select>")]) == chosen


def test_rerun_form_has_script_arguments(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "listed", {"args": ["--day", "2026-11-20"]})
    page = client.get(f"/jobs/listed/run?again={run_id}").text
    assert ">--day\n2026-11-20</textarea>" in page


def test_rerun_form_refuses_redacted_argument(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "listed", {"args": ["--token", "dapi-s3cret", "x"]})
    page = client.get(f"/jobs/listed/run?again={run_id}").text
    assert ">--token\n***\nx</textarea>" in page
    data = {"args": "--token\n***\nx"}
    refused = client.post("/jobs/listed/run", data=data, headers=OWN)
    assert refused.status_code == 400
    assert "Enter the secret" in refused.text


def test_forms_carry_the_hosts_csrf_token(app: Flask) -> None:
    app.jinja_env.globals["csrf_token"] = lambda: "the-hosts-token"
    page = app.test_client().get("/jobs/nightly/run").text
    assert 'name="csrf_token" value="the-hosts-token"' in page


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


class LongBody(io.RawIOBase):
    """A body of unknown length that counts the bytes that are read."""

    count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.count > 50 * MAX_BODY_BYTES:
            return 0
        buffer[:] = b"a" * len(buffer)
        self.count += len(buffer)
        return len(buffer)


@pytest.mark.parametrize("path", ["nightly/run", "broken/runs/1/cancel", "broken/runs/1/repair"])
@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"day=" + b"x" * MAX_BODY_BYTES, FORM_TYPE, 413),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--x--', MULTIPART, 415),
        (b'{"day": "2025-01-01"}', "application/json", 415),
    ],
    ids=["large", "multipart", "json"],
)
def test_form_body_is_refused_before_anything_reads_it(
    app: Flask, path: str, body: bytes, media_type: str, status: int
) -> None:
    read: list[Any] = []
    app.before_request(lambda: read.append(request.form))  # as CSRFProtect does
    refused = app.test_client().post(
        f"/jobs/{path}", headers=OWN, data=body, content_type=media_type
    )
    assert refused.status_code == status
    assert not read


def test_form_body_of_unknown_length_is_read_up_to_the_limit(app: Flask) -> None:
    body = LongBody()
    environ = EnvironBuilder(
        path="/jobs/nightly/run", method="POST", headers=[*OWN.items()], content_type=FORM_TYPE
    ).get_environ()
    del environ["CONTENT_LENGTH"]
    environ |= {"wsgi.input": body, "wsgi.input_terminated": True}
    _, status, _ = run_wsgi_app(app, environ)
    assert status.startswith("413 ")
    assert body.count <= 2 * MAX_BODY_BYTES


def test_cards_update_without_the_page(client: FlaskClient) -> None:
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


# Many jobs


def jobs_on(page: str) -> list[str]:
    """Return the keys of the jobs on a front page."""
    return re.findall(r'<article [^>]*aria-label="Job (\w+)"', page)


def test_front_page_shows_jobs_page_by_page(make_shop: MakeShop) -> None:
    """With 1,000 jobs, each load made 2,002 calls."""
    ids = {
        key: load_bundle(BUNDLE).jobs["hourly"].job_id for key in map("many{}".format, range(200))
    }
    client = make_shop(jobs={key: {"job_id": job_id} for key, job_id in ids.items()}).test_client()
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
