"""Forms that start runs, as a client without scripts sends them."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, request
from flask.testing import FlaskClient
from marshmallow import fields
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from flask_lakeflow_jobs.web.bodies import FORM_TYPE, MAX_BODY_BYTES
from tests.clocks import FakeClock
from tests.console.conftest import MakeShop
from tests.console.support import OWN, run, shop_app, start, text_of
from tests.support import RunGate

MULTIPART = "multipart/form-data; boundary=x"


def nonce_in(client: FlaskClient, url: str) -> str:
    found = re.search(r'name="~nonce" value="([^"]+)"', client.get(url).text)
    assert found
    return found[1]


def test_form_says_when_concurrency_limit_is_reached(
    make_shop: MakeShop, run_gate: RunGate
) -> None:
    app = make_shop(jobs={"alone": {"task_type": "job"}})
    client = app.test_client()
    assert "A run is active" not in client.get("/jobs/alone/run").text
    start(app, "alone", run_gate.params)
    assert "A run is active" in client.get("/jobs/alone/run").text


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


def test_form_starts_a_run(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    sent = client.post("/jobs/gated/run", data={"~nonce": nonce, "gate": "/"}, headers=OWN)
    assert sent.status_code == 303
    assert re.fullmatch(r"/jobs/gated/runs/\d+", sent.headers["Location"])
    assert "/" in client.get(sent.headers["Location"]).text


def test_form_sent_twice_starts_one_run(app: Flask) -> None:
    client = app.test_client()
    data = {"~nonce": nonce_in(client, "/jobs/broken/run")}
    first = client.post("/jobs/broken/run", data=data, headers=OWN)
    again = client.post("/jobs/broken/run", data=data, headers=OWN)
    assert again.headers["Location"] == first.headers["Location"] + "?replayed=1"
    page = client.get(again.headers["Location"]).text
    assert page.index("<h1") < page.index("has already started this run")


@pytest.mark.parametrize("name", ["nonce", "csrf_token"])
def test_form_has_a_parameter_that_is_named_like_a_hidden_field(
    make_shop: MakeShop, name: str
) -> None:
    params = {name: fields.String(metadata={"secret": False})}
    app = make_shop(jobs={"alone": {"task_type": "job", "params": params}})
    app.jinja_env.globals["csrf_token"] = lambda: "the-hosts-token"
    client = app.test_client()
    page = client.get("/jobs/alone/run").text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page)
    sent = client.post("/jobs/alone/run", data=MultiDict([*hidden, (name, "7")]), headers=OWN)
    document = client.get(f"/api/{sent.headers['Location'].strip('/')}").json
    assert document is not None
    assert {each["name"]: each["value"] for each in document["job_parameters"]}[name] == "7"


def test_form_sent_again_with_other_values_asks_first(app: Flask) -> None:
    client = app.test_client()
    nonce = nonce_in(client, "/jobs/gated/run")
    client.post("/jobs/gated/run", data={"~nonce": nonce, "gate": "/"}, headers=OWN)
    other = client.post("/jobs/gated/run", data={"~nonce": nonce, "gate": "/tmp"}, headers=OWN)
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
    shop: Address, tmp_path: Path, clock: FakeClock, accepted: bool
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        client = shop_app(fault_proxy, tmp_path / "instance", clock=clock).test_client()
        nonce = nonce_in(client, "/jobs/nightly/run")
        before = client.get("/jobs/nightly").text.count('scope="row"')
        data = {"~nonce": nonce, "day": "2026-11-20", "region": "apac"}
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


@pytest.mark.parametrize(
    ("path", "refusal", "status"),
    [
        pytest.param("jobs/run-now", Refusal(403), 403, id="would-be-refused-again"),
        pytest.param("jobs/get", Refusal(503), 503, id="definition-is-unknown"),
    ],
)
def test_form_that_nobody_can_send_again_is_an_error_page(
    shop: Address, tmp_path: Path, clock: FakeClock, path: str, refusal: Refusal, status: int
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        client = shop_app(fault_proxy, tmp_path / "instance", clock=clock).test_client()
        fault_proxy.fail(refusal, path=path)
        failed = client.post("/jobs/gated/run", data={"gate": "/tmp"}, headers=OWN)
    assert failed.status_code == status
    assert "/tmp" not in failed.text


def test_form_without_workspace_uses_cached_definition(
    shop: Address, tmp_path: Path, clock: FakeClock
) -> None:
    with FaultyWorkspace(shop) as fault_proxy:
        client = shop_app(fault_proxy, tmp_path / "instance", clock=clock).test_client()
        data = {"~nonce": nonce_in(client, "/jobs/gated/run"), "gate": "/tmp"}
        fault_proxy.fail(Refusal(503))
        failed = client.post("/jobs/gated/run", data=data, headers=OWN)
        assert failed.status_code == 503
        assert 'value="/tmp"' in failed.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
    ],
)
def test_form_from_another_origin_is_refused(
    make_shop: MakeShop, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Also where a hook of the app loads the user, whose name is on the page."""
    app = make_shop(user_loader=lambda: g.user)
    app.before_request(lambda: setattr(g, "user", "ann"))
    refused = app.test_client().post("/jobs/broken/run", headers=headers)
    assert refused.status_code == 403
    assert "app's own pages" in html.unescape(refused.text)
    assert "user_loader failed" not in caplog.text


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
